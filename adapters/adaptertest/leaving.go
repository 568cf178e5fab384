package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// leaving has the cases about clients that leave, by stage.
func leaving() []check {
	// E5, E9, R5
	return []check{
		{"a client that leaves before its body arrived ends the handler that reads it", "R5", both, leavesBeforeBody},
		{"a client that leaves while a small body is unread is noticed, where bodies are read first", "R5", both, leavesBehindBody},
		{"a client that leaves during the fan-out cancels it with ErrClientGone, and no rule runs", "R5, E5", both, leavesDuringFanOut},
		{"a real error of a request whose client has left is reported, and no rule runs", "E5", both, leavesRealError},
		{"a client that leaves during the answer cancels the handler and its tasks", "R5", both, leavesDuringAnswer},
		{"a client that leaves while an event is written is no failure", "E5, R5", both, leavesDuringWrite},
		{"a client that leaves while a rule's handler runs cancels that", "E9", both, leavesDuringRule},
	}
}

// unasked makes rules that must not run.
func unasked(t *trial) creche.Options {
	return creche.Options{Errors: []errorhandlers.Rule{
		errorhandlers.OnAny(func(_ http.ResponseWriter, _ *http.Request, err error) error {
			t.Errorf("a rule was asked for %v, with nobody there to be answered", err)
			return errorhandlers.ErrDecline
		}),
	}}
}

// clientGone checks why a request's context ended, which it waits for.
func clientGone(ctx context.Context, t *trial, who string) {
	<-ctx.Done()
	if got := context.Cause(ctx); !errors.Is(got, creche.ErrClientGone) {
		t.Errorf("why %s was cancelled: got %v, want creche.ErrClientGone", who, got)
	}
}

// leavesBeforeBody leaves a handler that is reading. The server of HTTP/1.1
// notices that only by the read.
func leavesBeforeBody(t *trial) {
	ended := t.gate()
	s := t.serve(creche.Options{}, posted(func(_ http.ResponseWriter, r *http.Request, _ Params) error {
		defer ended.open()
		_, err := io.ReadAll(r.Body)
		if err == nil {
			t.Error("reading the body: got no error, want one")
		}
		if t.protocol == 2 {
			clientGone(r.Context(), t, "the handler")
		}
		return err
	}))
	body, more := io.Pipe()
	c := s.start(http.MethodPost, "/one", body)
	_, _ = io.WriteString(more, "a part of it")
	synctest.Wait()
	c.leave()
	_ = more.CloseWithError(errOther) // Go's client does not leave before it has read its body
	t.await(ended, "the end of the handler")
	c.wait().lost()
	s.take() // over HTTP/1.1 the error is one like any other
}

func leavesBehindBody(t *trial) {
	begun, ended := t.gate(), t.gate()
	s := t.serve(creche.Options{ReadBody: 100}, posted(func(_ http.ResponseWriter, r *http.Request, _ Params) error {
		defer ended.open()
		begun.open()
		clientGone(r.Context(), t, "the handler")
		if text, err := io.ReadAll(r.Body); string(text) != "unread" || err != nil {
			t.Errorf("the body: got %q and %v, want all of it", text, err)
		}
		return nil
	}))
	c := s.start(http.MethodPost, "/one", strings.NewReader("unread"))
	t.await(begun, "the handler's begin")
	c.leave()
	t.await(ended, "the end of the handler")
	c.wait().lost()
}

func leavesDuringFanOut(t *trial) {
	begun, ended := t.gate(), t.gate()
	var joined atomic.Int32
	waits := func(ctx context.Context) error {
		defer joined.Add(1)
		clientGone(ctx, t, "a task")
		return fmt.Errorf("looking up: %w", ctx.Err())
	}
	s := t.serveBehind(opens(ended), unasked(t), one(func(_ http.ResponseWriter, r *http.Request, _ Params) error {
		nursery.From(r.Context()).Go(waits)
		nursery.From(r.Context()).Go(func(ctx context.Context) error {
			begun.open()
			return nursery.All(ctx, waits, waits)
		})
		clientGone(r.Context(), t, "the handler")
		return r.Context().Err()
	}))
	c := s.start(http.MethodGet, "/one", nil)
	t.await(begun, "the fan-out")
	c.leave()
	t.await(ended, "the end of the request")
	if got := joined.Load(); got != 3 {
		t.Errorf("tasks joined at the end of the request: got %d, want 3", got)
	}
	c.wait().lost()
	s.reported()
}

// opens makes middleware that opens g when the router has returned.
func opens(g *gate) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer g.open()
			next.ServeHTTP(w, r)
		})
	}
}

func leavesRealError(t *trial) {
	begun, ended := t.gate(), t.gate()
	s := t.serveBehind(opens(ended), unasked(t), one(func(w http.ResponseWriter, r *http.Request, _ Params) error {
		nursery.From(r.Context()).Go(func(ctx context.Context) error {
			begun.open()
			<-ctx.Done()
			return errPlain
		})
		return creates(w)
	}))
	c := s.start(http.MethodGet, "/one", nil)
	t.await(begun, "the task")
	c.leave()
	t.await(ended, "the end of the request")
	c.wait().lost()
	s.reported(errPlain)
}

func leavesDuringAnswer(t *trial) {
	ended := t.gate()
	s := t.serveBehind(opens(ended), unasked(t), one(func(w http.ResponseWriter, r *http.Request, _ Params) error {
		nursery.From(r.Context()).Go(func(ctx context.Context) error {
			clientGone(ctx, t, "a task")
			return nil
		})
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		clientGone(r.Context(), t, "the handler")
		return r.Context().Err()
	}))
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.server.URL+"/one", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, len("begun"))); err != nil {
		t.Fatal(err)
	}
	leave()
	t.await(ended, "the end of the request")
	s.reported()
}

// leavesDuringWrite has the handler notice nothing but a write that fails.
func leavesDuringWrite(t *trial) {
	ended := t.gate()
	s := t.serveBehind(opens(ended), unasked(t), one(func(w http.ResponseWriter, _ *http.Request, _ Params) error {
		for ; ; time.Sleep(time.Second) {
			if _, err := io.WriteString(w, "data: event\n\n"); err != nil {
				return fmt.Errorf("sending an event: %w", err)
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				return fmt.Errorf("sending an event: %w", err)
			}
		}
	}))
	c := s.start(http.MethodGet, "/one", nil)
	synctest.Wait()
	c.leave()
	t.await(ended, "the end of the request")
	c.wait()
	s.reported()
}

func leavesDuringRule(t *trial) {
	begun, ended := t.gate(), t.gate()
	o := creche.Options{Errors: []errorhandlers.Rule{errorhandlers.OnIs(errGone, func(_ http.ResponseWriter, r *http.Request, _ error) error {
		begun.open()
		<-r.Context().Done()
		return nil
	})}}
	s := t.serveBehind(opens(ended), o, one(func(_ http.ResponseWriter, r *http.Request, _ Params) error {
		fails(r, errGone)
		return nil
	}))
	c := s.start(http.MethodGet, "/one", nil)
	t.await(begun, "the rule's handler")
	c.leave()
	t.await(ended, "the end of the request")
	c.wait().lost()
	s.take()
}
