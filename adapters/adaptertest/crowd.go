package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

const users = 64

// requests is how many each user sends, one after the other. With CRECHE_LONG
// in the environment all together send more than 10 000.
func requests() int {
	if os.Getenv("CRECHE_LONG") != "" {
		return 160
	}
	return 50
}

// crowd has the cases about many users at once.
func crowd() []check {
	// R1, R2, R5, B1
	return []check{
		{"of many clients that leave in mid-request every task is cancelled at once, and nothing is left", "R5", both, manyLeave},
		{"of many users at once each sees what is its own, in handlers, tasks, background tasks and answers", "R1, R2, B1", both, manyUsers},
	}
}

// manyUsers has every request end in one of a few ways, and its parameter read
// at as many points as there are. All of them pause now and then, which in a
// bubble lets all others go as far as they can.
func manyUsers(t *trial) {
	var background atomic.Int32
	s := t.serve(creche.Options{}, Group{Routes: []Route{
		{http.MethodPost, "/users/{user}/{way}", func(w http.ResponseWriter, r *http.Request, p Params) error {
			return serveUser(t, &background, w, r, p)
		}},
	}})
	if transport, ok := s.server.Client().Transport.(*http.Transport); ok {
		transport.MaxIdleConnsPerHost = users
	}
	for u := range users {
		t.clients.Go(func(ctx context.Context) error {
			for n := range requests() {
				askAs(ctx, s, fmt.Sprintf("u%d-%d", u, n), ways[(u+n)%len(ways)])
				if t.Failed() {
					break // the others would say the same
				}
			}
			return nil
		})
	}
	t.clientsDone()
	synctest.Wait()
	if got := background.Load(); int(got) != users*requests() && !t.Failed() {
		t.Errorf("background tasks: got %d, want %d", got, users*requests())
	}
	t.Attr("did", fmt.Sprintf("%d requests of %d users", users*requests(), users))
}

// manyLeave has all clients give up after a while, in the midst of the tasks.
func manyLeave(t *trial) {
	const patience = 5 * time.Millisecond
	var cancelled, late atomic.Int32
	s := t.serve(unasked(t), one(func(_ http.ResponseWriter, r *http.Request, _ Params) error {
		began := time.Now()
		waits := func(ctx context.Context) error {
			<-ctx.Done()
			if !errors.Is(context.Cause(ctx), creche.ErrClientGone) || time.Since(began) > patience+10*time.Millisecond {
				late.Add(1)
			}
			cancelled.Add(1)
			return ctx.Err()
		}
		return nursery.All(r.Context(), waits, waits)
	}))
	for range users {
		t.clients.Go(func(ctx context.Context) error {
			for range requests() {
				giveUp, cancel := context.WithTimeout(ctx, patience)
				r := &reply{t: t, what: "GET /one"}
				r.ask(giveUp, s.server.Client(), s.server.URL+"/one", nil, nil)
				cancel()
				if r.lost(); t.Failed() {
					break // the others would say the same
				}
			}
			return nil
		})
	}
	t.clientsDone()
	synctest.Wait()
	if got, want := int(cancelled.Load()), 2*users*requests(); (got != want || late.Load() != 0) && !t.Failed() {
		t.Errorf("tasks: got %d cancelled and %d of them late or for another reason, want %d and 0", got, late.Load(), want)
	}
	t.Attr("did", fmt.Sprintf("%d requests left by their clients", users*requests()))
}

// clientsDone returns when all clients are, by then.
func (t *trial) clientsDone() {
	for t.clients.Len() > 0 {
		time.Sleep(time.Second)
	}
}

// A way is how a request ends.
type way struct {
	name   string
	status int // of the answer
}

var ways = []way{{"answers", 200}, {"flushes", 200}, {"fails", 409}, {"failsLate", 409}, {"failsInTask", 409}}

// A visit is one request as its handler sees it.
type visit struct {
	*trial
	p    Params
	user string // whom the body says it is from
}

// own checks a parameter that was read at some point.
func (v *visit) own(where, got string) {
	if got != v.user {
		v.Errorf("%s of %q: got %q as its path's parameter", where, v.user, got)
	}
}

// serveUser checks that all that it can see is the user's.
func serveUser(t *trial, background *atomic.Int32, w http.ResponseWriter, r *http.Request, p Params) error {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	v := &visit{t, p, string(text)}
	v.own("the handler", p.Get("user"))
	err = creche.Go(p.detach(r.Context()), v.user, func(ctx context.Context) error {
		v.own("a background task", p.Kept(ctx, "user"))
		time.Sleep(5 * time.Millisecond)
		v.own("a background task, later,", p.Kept(ctx, "user"))
		background.Add(1)
		return nil
	})
	nursery.From(r.Context()).Go(func(context.Context) error {
		v.own("a task", p.Get("user"))
		time.Sleep(time.Millisecond)
		v.own("a task, after the handler returned,", p.Get("user"))
		if p.Get("way") == "failsInTask" {
			return conflict(v.user)
		}
		return nil
	})
	return errors.Join(err, v.end(w))
}

// end ends the handler in the way that the path says.
func (v *visit) end(w http.ResponseWriter) error {
	way := v.p.Get("way")
	if way == "fails" {
		return conflict(v.user)
	}
	w.Header().Set("User", v.user)
	_, err := io.WriteString(w, v.user)
	switch way {
	case "flushes":
		return http.NewResponseController(w).Flush()
	case "failsLate":
		return conflict(v.p.Get("user"))
	}
	return err
}

// askAs sends one request as user and checks that the answer is to it.
func askAs(ctx context.Context, s *site, user string, way way) {
	r := &reply{t: s.trial, what: "POST /users/" + user + "/" + way.name}
	r.ask(ctx, s.server.Client(), s.server.URL+"/users/"+user+"/"+way.name, strings.NewReader(user), nil)
	if way.status == http.StatusOK {
		r.is(way.status).says(user).has("User", user)
		return
	}
	r.problem(way.status, user).has("User", "")
}
