package adaptertest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// failing has the cases about failures while the response is held, and about
// panics and exits.
func failing() []check {
	// R2, R6
	return []check{
		{"a task that fails after the handler wrote 201 makes the answer", "R2", both, lateTask},
		{"an error returned after the response was written makes the answer", "R2", both, lateError},
		{"what a failed handler set in the header is not sent, what middleware around it set is", "R2", both, headerOfFailure},
		{"a panic of the handler or of a task is a 500, once the other tasks are joined, and reported with its stack", "R6", both, panics},
		{"a task's Goexit is a 500 and reported", "R6", both, exitOfTask},
		{"a handler's Goexit is reported, and a 500 where the protocol still can", "R6", both, exitOfHandler},
		{"http.ErrAbortHandler of the handler or of a task cuts the response and is no fault", "R6", both, aborts},
		{"with Repanic a panic reaches a recoverer around the router, once the tasks are joined", "R6", both, repanics},
	}
}

var errPlain = errors.New("plain error with a secret")

// fails starts a task that fails with err after the handler has returned.
func fails(r *http.Request, err error) {
	nursery.From(r.Context()).Go(func(context.Context) error {
		time.Sleep(time.Second)
		return err
	})
}

func conflict(detail string) error {
	return &errorhandlers.Problem{Status: http.StatusConflict, Detail: detail}
}

// creates writes a whole 201, as if all were well.
func creates(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Location", "/made")
	w.Header().Set("Set-Cookie", "made=yes")
	w.WriteHeader(http.StatusCreated)
	_, err := io.WriteString(w, "<p>made")
	return err
}

func lateTask(t *trial) {
	s := t.serve(creche.Options{}, posted(func(w http.ResponseWriter, r *http.Request, _ Params) error {
		fails(r, conflict("sold out"))
		return creates(w)
	}))
	s.post("/one", "").problem(http.StatusConflict, "sold out").hides("made")
}

func lateError(t *trial) {
	s := t.serve(creche.Options{}, posted(func(w http.ResponseWriter, _ *http.Request, _ Params) error {
		return errors.Join(creates(w), conflict("sold out"))
	}))
	s.post("/one", "").problem(http.StatusConflict, "sold out").hides("made")
}

func headerOfFailure(t *trial) {
	outer := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Request-Id", "outer")
			w.Header().Set("Kept", "outer")
			next.ServeHTTP(w, r)
		})
	}
	s := t.serveBehind(outer, creche.Options{}, one(func(w http.ResponseWriter, _ *http.Request, _ Params) error {
		w.Header().Set("Kept", "changed")
		w.Header().Set("Content-Length", "7")
		w.Header().Set("Content-Encoding", "gzip")
		return errors.Join(creates(w), conflict(""))
	}))
	r := s.get("/one").problem(http.StatusConflict, "")
	r.has("Request-Id", "outer").has("Kept", "outer").has("Content-Encoding", "").hides("made")
}

func panics(t *trial) {
	var ended atomic.Int32
	sibling := func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(time.Second)
		ended.Add(1)
		return ctx.Err()
	}
	s := t.serve(creche.Options{}, Group{Routes: []Route{
		{http.MethodGet, "/handler", func(w http.ResponseWriter, r *http.Request, _ Params) error {
			nursery.From(r.Context()).Go(sibling)
			_ = creates(w)
			panic("secret of the handler")
		}},
		{http.MethodGet, "/task", func(w http.ResponseWriter, r *http.Request, _ Params) error {
			nursery.From(r.Context()).Go(sibling)
			nursery.From(r.Context()).Go(func(context.Context) error { panic("secret of the task") })
			return creates(w)
		}},
	}})
	for i, from := range []string{"handler", "task"} {
		s.get("/"+from).problem(http.StatusInternalServerError, "").hides("secret", "goroutine", "made")
		if got := int(ended.Load()); got != i+1 {
			t.Errorf("siblings joined after the panic of the %s: got %d, want %d", from, got, i+1)
		}
		told := s.take()
		var p *nursery.PanicError
		if len(told) != 1 || !errors.As(told[0].Err, &p) || p.Value != "secret of the "+from || p.Stack() == "" {
			t.Errorf("reported of the %s's panic: got %s, want the panic once, with a stack", from, list(told))
		}
	}
}

func exitOfTask(t *trial) {
	s := t.serve(creche.Options{}, one(func(w http.ResponseWriter, r *http.Request, _ Params) error {
		nursery.From(r.Context()).Go(func(context.Context) error {
			runtime.Goexit()
			return nil
		})
		return creates(w)
	}))
	s.get("/one").problem(http.StatusInternalServerError, "").hides("made")
	s.reported(nursery.ErrGoexit)
}

// exitOfHandler loses the server's own goroutine, by which HTTP/2 resets the
// stream whatever was sent on it.
func exitOfHandler(t *trial) {
	s := t.serve(creche.Options{}, one(func(w http.ResponseWriter, _ *http.Request, _ Params) error {
		_ = creates(w)
		runtime.Goexit()
		return nil
	}))
	r := s.get("/one").hides("made")
	if t.protocol == 1 {
		r.problem(http.StatusInternalServerError, "")
	}
	s.reported(nursery.ErrGoexit)
}

func aborts(t *trial) {
	s := t.serve(creche.Options{}, Group{Routes: []Route{
		{http.MethodPost, "/handler", func(w http.ResponseWriter, _ *http.Request, _ Params) error {
			_ = creates(w)
			panic(http.ErrAbortHandler)
		}},
		{http.MethodPost, "/task", func(w http.ResponseWriter, r *http.Request, _ Params) error {
			nursery.From(r.Context()).Go(func(context.Context) error { panic(http.ErrAbortHandler) })
			return creates(w)
		}},
	}})
	s.post("/handler", "").lost()
	s.post("/task", "").lost()
	s.reported()
}

func repanics(t *trial) {
	var ended atomic.Bool
	recoverer := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				p, _ := recover().(*nursery.PanicError)
				if p == nil || p.Value != "raised again" {
					t.Errorf("recovered: got %v, want the panic as a *nursery.PanicError", p)
				}
				if !ended.Load() {
					t.Error("the panic left the router before the tasks were joined")
				}
				http.Error(w, "recovered", http.StatusBadGateway)
			}()
			next.ServeHTTP(w, r)
		})
	}
	s := t.serveBehind(recoverer, creche.Options{Repanic: true}, one(func(w http.ResponseWriter, r *http.Request, _ Params) error {
		nursery.From(r.Context()).Go(func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Second)
			ended.Store(true)
			return nil
		})
		_ = creates(w)
		panic("raised again")
	}))
	s.get("/one").is(http.StatusBadGateway).says("recovered\n").hides("made")
	s.reported("raised again")
}
