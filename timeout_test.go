package creche_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// waitHandler waits for the end of its context, with a task that does too.
func waitHandler(t *testing.T, want error) http.Handler {
	return creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
		nursery.From(r.Context()).Go(func(ctx context.Context) error {
			<-ctx.Done()
			if got := context.Cause(ctx); !errors.Is(got, want) {
				t.Errorf("why the task was cancelled: got %v, want %v", got, want)
			}
			return ctx.Err()
		})
		<-r.Context().Done()
		return r.Context().Err()
	})
}

// R13
func TestTimeout(t *testing.T) {
	for _, tc := range []struct {
		name string
		wrap func(app *creche.App, h http.Handler) http.Handler
		took time.Duration
	}{
		{"in the middleware", func(app *creche.App, h http.Handler) http.Handler { return app.Middleware(app.Timeout(time.Second)(h)) }, time.Second},
		{"without any", func(app *creche.App, h http.Handler) http.Handler { return app.Timeout(time.Second)(h) }, time.Second},
		{"around the middleware", func(app *creche.App, h http.Handler) http.Handler { return app.Timeout(time.Second)(app.Middleware(h)) }, time.Second},
		{"the shorter inside", func(app *creche.App, h http.Handler) http.Handler {
			return app.Timeout(time.Minute)(app.Timeout(time.Second)(h))
		}, time.Second},
		{"the longer inside", func(app *creche.App, h http.Handler) http.Handler {
			return app.Timeout(time.Second)(app.Timeout(time.Minute)(h))
		}, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, seen := watched(creche.Options{})
				srv := nurserytest.NewServer(t, tc.wrap(app, waitHandler(t, creche.ErrRequestTimeout)))
				began := time.Now()
				wantReply(t, get(t, srv), http.StatusServiceUnavailable, "Service Unavailable")
				if took := time.Since(began); took != tc.took {
					t.Errorf("took %v, want %v", took, tc.took)
				}
				seen.wantOnce(t)
				if err := app.Check(); err != nil {
					t.Errorf("Check: got %v, want nil", err)
				}
			})
		})
	}
}

// R13: a real failure beside the timeout answers, and is not lost.
func TestTimeoutBesideAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Middleware(app.Timeout(time.Second)(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return errors.Join(errFirst, r.Context().Err())
		}))))
		wantReply(t, get(t, srv), http.StatusServiceUnavailable, "")
		seen.wantOnce(t, errFirst)
	})
}

// R13: the body is not what the deadline is for, and a client that dribbles
// it is cut off by a read deadline.
func TestTimeoutWhileABodyDribbles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Middleware(app.Timeout(time.Minute)(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second)); err != nil {
				return err
			}
			_, err := io.ReadAll(r.Body)
			return err
		}))))
		conn, err := srv.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: creche.test\r\nContent-Length: 9\r\n\r\nbeg"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn) // the connection is closed
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
			t.Errorf("got %q, %v, want a 408", answer, err)
		}
		seen.wantOnce(t)
	})
}

// E1, R13
func TestTimeoutsThatMakeNoSense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := creche.New(creche.Options{})
		h := app.Timeout(0)(app.Timeout(-time.Second)(says200))
		err := app.Check()
		for _, want := range []string{"Timeout of 0s", "Timeout of -1s"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Check: got %v, want %q in it", err, want)
			}
		}
		wantReply(t, get(t, nurserytest.NewServer(t, h)), http.StatusOK, "fine")
	})
	defer func() {
		if v := recover(); v != "creche: Timeout: nil handler" {
			t.Errorf("got panic %v", v)
		}
	}()
	creche.New(creche.Options{}).Timeout(time.Second)(nil)
}

var says200 = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
