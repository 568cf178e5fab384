package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
	"github.com/creche-go/creche/websocket/websockettest"
)

// playing serves tables in memory, in a bubble. Finish stops the server, and
// returns what was reported.
func playing(t *testing.T) (ts *tables, ln *nurserytest.Listener, finish func() []nursery.Report) {
	t.Helper()
	var mu sync.Mutex
	var reports []nursery.Report
	app := creche.New(creche.Options{IgnoreSignals: true, Observe: func(_ context.Context, r nursery.Report) {
		mu.Lock()
		defer mu.Unlock()
		reports = append(reports, r)
	}})
	var saved sync.Map
	ts = &tables{app: app, byKey: make(map[string]*table)}
	ts.load = func(_ context.Context, key string) (int, error) {
		was, _ := saved.Load(key)
		sum, _ := was.(int)
		return sum, nil
	}
	ts.save = func(_ context.Context, key string, sum int) error {
		time.Sleep(time.Second)
		saved.Store(key, sum)
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("/{room}", creche.Handler(ts.serve))
	ln, ended := nurserytest.Listen(), make(chan error, 1)
	go func() { ended <- app.Serve(context.Background(), ln, app.Middleware(mux)) }()
	return ts, ln, func() []nursery.Report {
		app.Stop(nil)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if len(ts.byKey) > 0 {
			t.Errorf("%d tables are left, want none", len(ts.byKey))
		}
		return reports
	}
}

// seated returns a member of a room.
func seated(t *testing.T, ln *nurserytest.Listener, key string) *websockettest.Client {
	t.Helper()
	c, err := websockettest.Dial(t, ln, "/"+key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// heard returns what c is told next.
func heard(t *testing.T, c *websockettest.Client) string {
	t.Helper()
	m, err := c.Receive(t.Context())
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		return closed.Code.String()
	}
	if err != nil {
		t.Error(err)
	}
	return m.String()
}

func move(t *testing.T, c *websockettest.Client, n int) {
	t.Helper()
	if err := c.Send(websocket.Text(fmt.Sprint(n))); err != nil {
		t.Error(err)
	}
}

// W7
func TestTheTaskOfARoomLivesFromTheFirstMemberToTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts, ln, finish := playing(t)
		ann, bob, eve := seated(t, ln, "red"), seated(t, ln, "red"), seated(t, ln, "blue")
		synctest.Wait()
		move(t, ann, 10)
		move(t, eve, 100)
		if a, b, e := heard(t, ann), heard(t, bob), heard(t, eve); a != "10" || b != "10" || e != "1" {
			t.Errorf("got %s, %s and %s, want 10, 10 and 1", a, b, e)
		}
		ann.Close(websocket.NormalClosure, "")
		move(t, bob, 20)
		if got := heard(t, bob); got != "15" {
			t.Errorf("one has left: got %s, want 15", got)
		}
		bob.Vanish()
		synctest.Wait()
		if len(ts.byKey) != 1 {
			t.Errorf("got %d tables, want that of Eve", len(ts.byKey))
		}
		dan := seated(t, ln, "red")
		move(t, dan, 5)
		if got := heard(t, dan); got != "35" {
			t.Errorf("after the last had left: got %s, want 35, on from what was saved", got)
		}
		if got := finish(); len(got) > 0 {
			t.Errorf("got reports %v, want none", got)
		}
	})
}

// W7
func TestTheFailureOfARoomsTaskClosesItsMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, ln, finish := playing(t)
		ann, bob, eve := seated(t, ln, "red"), seated(t, ln, "red"), seated(t, ln, "blue")
		synctest.Wait()
		move(t, ann, 0)
		if a, b := heard(t, ann), heard(t, bob); a != websocket.TryAgainLater.String() || b != a {
			t.Errorf("got %s and %s, want both closed with 1013", a, b)
		}
		move(t, eve, 100)
		ann = seated(t, ln, "red")
		move(t, ann, 10)
		if a, e := heard(t, ann), heard(t, eve); a != "10" || e != "1" {
			t.Errorf("got %s and %s, want 10 in a new game and 1 in the other room", a, e)
		}
		reports := finish()
		if len(reports) != 1 || reports[0].Task != "room red" {
			t.Errorf("got reports %v, want one of the task of the room", reports)
		}
	})
}

// The last one leaves as the next one comes, and the game fails as somebody comes.
//
// W7
func TestTheEndOfARoomsTaskMayMeetTheNextMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, ln, finish := playing(t)
		saved, failures := 0, 0
		for i := range 100 {
			ann := seated(t, ln, "red")
			move(t, ann, 100)
			if got := heard(t, ann); got != fmt.Sprint(saved+1) {
				t.Fatalf("round %d: got %s, want %d", i, got, saved+1)
			}
			fails := i%2 == 0
			var leaving sync.WaitGroup
			if fails {
				failures++
				leaving.Go(func() { move(t, ann, 0) })
			} else {
				leaving.Go(func() { ann.Close(websocket.NormalClosure, "") })
			}
			bob := seated(t, ln, "red")
			leaving.Wait()
			_ = bob.Send(websocket.Text("50"))
			switch got := heard(t, bob); {
			case !fails && got == fmt.Sprint(saved+3): // in that game, or on from it
				saved += 3
			case fails && got == fmt.Sprint(saved+2): // in the next one, from what was saved
				saved += 2
			case fails && (got == fmt.Sprint(saved+3) || got == websocket.TryAgainLater.String()): // in the one that failed
			default:
				t.Fatalf("round %d: with %d saved got %s", i, saved, got)
			}
			synctest.Wait() // the game that fails has
			bob.Vanish()
			ann.Vanish()
			synctest.Wait()
		}
		if got := finish(); len(got) != failures {
			t.Errorf("got %d reports, want %d", len(got), failures)
		}
	})
}
