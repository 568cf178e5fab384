package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// committing has the cases about responses that leave early, and about the
// writer.
func committing() []check {
	// R2, R3, R4
	return []check{
		{"a flush, a copy, a trailer or more than is held sends the response before the handler returns", "R2", both, leavesEarly},
		{"nothing leaves before the tasks have ended otherwise", "R2", both, staysHeld},
		{"a failure after the response has left is reported and cuts it, and nothing is appended", "R3", both, cutsWhatLeft},
		{"a copy whose source fails before it has anything is a failure like any other", "R3", both, copiesNothing},
		{"a failure runs its handler once, though the client would ask again", "R3", both, runsOnce},
		{"early hints leave at once, and a failure still makes the answer", "R4", both, earlyHints},
		{"the writer has what the server's has for the protocol", "R4", both, capabilities},
		{"after the request the writer refuses writes", "R4", both, refusesLate},
		{"a hijacked connection is the handler's, and its failures are only reported", "R4", 1, hijacks},
		{"a hijack that the protocol does not allow is refused, and can be answered", "R4", 2, cannotHijack},
	}
}

var fillHold = strings.Repeat("x", 2049)

// A departure is a way for a response to leave early.
type departure struct {
	path  string
	write func(w http.ResponseWriter) // after which beginning is on its way
	begin string
}

var departures = []departure{
	{"/flush", func(w http.ResponseWriter) {
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
	}, "begun"},
	{"/length", func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
	}, "begun"},
	{"/overflow", func(w http.ResponseWriter) { _, _ = io.WriteString(w, strings.Repeat(fillHold, 4)) }, fillHold},
	{"/copy", func(w http.ResponseWriter) { _, _ = io.Copy(w, strings.NewReader(strings.Repeat(fillHold, 4))) }, fillHold},
	{"/trailer", func(w http.ResponseWriter) {
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
	}, "begun"},
}

// leavesEarly has the client read the beginning while the handler waits.
func leavesEarly(t *trial) {
	for _, e := range departures {
		resume := t.gate()
		s := t.serve(creche.Options{}, under(e.path, func(w http.ResponseWriter, _ *http.Request, _ Params) error {
			e.write(w)
			resume.pass()
			_, err := io.WriteString(w, strings.Repeat("y", 95))
			return err
		}))
		resp, err := s.server.Client().Get(s.server.URL + e.path)
		if err != nil {
			t.Fatalf("%s: %v", e.path, err)
		}
		got := make([]byte, len(e.begin))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != e.begin {
			t.Errorf("%s: before the handler returned: got %.20q and %v, want %.20q", e.path, got, err, e.begin)
		}
		resume.open()
		rest, err := io.ReadAll(resp.Body)
		if err != nil || !strings.HasSuffix(string(rest), "yyy") {
			t.Errorf("%s: the rest: got %.20q and %v, want all of it", e.path, rest, err)
		}
		_ = resp.Body.Close()
	}
}

func staysHeld(t *trial) {
	resume := t.gate()
	s := t.serve(creche.Options{}, one(func(w http.ResponseWriter, r *http.Request, p Params) error {
		nursery.From(r.Context()).Go(func(context.Context) error {
			resume.pass()
			return nil
		})
		return creates(w)
	}))
	c := s.start(http.MethodGet, "/one", nil)
	synctest.Wait()
	if c.begun.isOpen() || c.done.isOpen() {
		t.Error("before the task ended: got a response or the begin of one, want none")
	}
	resume.open()
	c.wait().is(http.StatusCreated).says("<p>made")
}

// emptySource fails at once, as the body of an upstream that is lost does.
type emptySource struct{}

func (emptySource) Read([]byte) (int, error) { return 0, errPlain }

func copiesNothing(t *trial) {
	copies := func(before func(w http.ResponseWriter)) Handler {
		return func(w http.ResponseWriter, _ *http.Request, _ Params) error {
			before(w)
			_, err := io.Copy(w, emptySource{})
			return err
		}
	}
	s := t.serve(creche.Options{}, Group{Routes: []Route{
		{http.MethodGet, "/silent", copies(func(http.ResponseWriter) {})},
		{http.MethodGet, "/status", copies(func(w http.ResponseWriter) { w.WriteHeader(http.StatusCreated) })},
		{http.MethodGet, "/begun", copies(func(w http.ResponseWriter) { _, _ = io.WriteString(w, "begun") })},
	}})
	for _, path := range []string{"/silent", "/status", "/begun"} {
		s.get(path).problem(http.StatusInternalServerError, "").hides("begun")
		s.reported(errPlain)
	}
}

func cutsWhatLeft(t *trial) {
	failures := map[string]func(r *http.Request) error{
		"error": func(*http.Request) error { return errPlain },
		"panic": func(*http.Request) error { panic(errPlain) },
		"task": func(r *http.Request) error {
			fails(r, errPlain)
			return nil
		},
		"taskPanic": func(r *http.Request) error {
			nursery.From(r.Context()).Go(func(context.Context) error { panic(errPlain) })
			return nil
		},
	}
	root := Group{}
	for kind, fail := range failures {
		for _, e := range departures {
			root.Routes = append(root.Routes, Route{http.MethodGet, e.path + "/" + kind, func(w http.ResponseWriter, r *http.Request, _ Params) error {
				e.write(w)
				return fail(r)
			}})
		}
	}
	s := t.serve(creche.Options{}, root)
	for kind := range failures {
		for _, e := range departures {
			s.get(e.path+"/"+kind).cut(http.StatusOK, e.begin).hides("problem", "secret", "500")
			s.reported(errPlain)
		}
	}
}

// runsOnce uses a connection again, on which Go's client repeats a GET that
// the server ended without a byte of response.
func runsOnce(t *trial) {
	var runs atomic.Int32
	count := func(h Handler) Handler {
		return func(w http.ResponseWriter, r *http.Request, p Params) error {
			runs.Add(1)
			return h(w, r, p)
		}
	}
	s := t.serve(creche.Options{}, Group{Routes: []Route{
		{http.MethodGet, "/ok", ok},
		{http.MethodGet, "/error", count(failsWith(conflict("")))},
		{http.MethodGet, "/panic", count(func(http.ResponseWriter, *http.Request, Params) error { panic(conflict("")) })},
		{http.MethodGet, "/written", count(func(w http.ResponseWriter, r *http.Request, _ Params) error {
			fails(r, conflict(""))
			return creates(w)
		})},
		{http.MethodGet, "/left", count(func(w http.ResponseWriter, r *http.Request, _ Params) error {
			fails(r, conflict(""))
			_, err := io.WriteString(w, fillHold)
			return err
		})},
	}})
	for path, status := range map[string]int{"/error": 409, "/panic": 500, "/written": 409, "/left": 200} {
		s.get("/ok").is(http.StatusOK)
		runs.Store(0)
		if got := s.get(path).status; got != status || runs.Load() != 1 {
			t.Errorf("%s: got status %d after %d runs, want %d after 1", path, got, runs.Load(), status)
		}
	}
	s.take() // of the panic and of what came too late
}

func earlyHints(t *trial) {
	s := t.serve(creche.Options{}, one(func(w http.ResponseWriter, r *http.Request, _ Params) error {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		fails(r, conflict("sold out"))
		return creates(w)
	}))
	var hints []int
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
			hints = append(hints, code)
			return nil
		},
	})
	r := &reply{t: t, what: "GET /one"}
	r.ask(ctx, s.server.Client(), s.server.URL+"/one", nil, nil)
	r.problem(http.StatusConflict, "sold out")
	if len(hints) != 1 || hints[0] != http.StatusEarlyHints {
		t.Errorf("informational responses: got %v, want [103]", hints)
	}
}

// offers lists what w can do beside what all writers can.
func offers(w http.ResponseWriter) string {
	var offered []string
	for _, o := range []struct {
		name string
		has  func() bool
	}{
		{"Flusher", func() bool { _, ok := w.(http.Flusher); return ok }},
		{"Hijacker", func() bool { _, ok := w.(http.Hijacker); return ok }},
		{"ReaderFrom", func() bool { _, ok := w.(io.ReaderFrom); return ok }},
		{"StringWriter", func() bool { _, ok := w.(io.StringWriter); return ok }},
		{"Pusher", func() bool { _, ok := w.(http.Pusher); return ok }},
		{"deadlines", func() bool { return http.NewResponseController(w).SetWriteDeadline(time.Time{}) == nil }},
		{"full duplex", func() bool { return http.NewResponseController(w).EnableFullDuplex() == nil }},
	} {
		if o.has() {
			offered = append(offered, o.name)
		}
	}
	return fmt.Sprint(offered)
}

func capabilities(t *trial) {
	answer := func(w http.ResponseWriter, _ *http.Request, _ Params) error {
		_, err := io.WriteString(w, offers(w))
		return err
	}
	s, bare := t.serve(creche.Options{}, one(answer)), t.serveBare(one(answer).Routes)
	s.get("/one").is(http.StatusOK).says(bare.get("/one").is(http.StatusOK).body)
}

func refusesLate(t *trial) {
	late := t.gate()
	s := t.serve(creche.Options{}, one(func(w http.ResponseWriter, r *http.Request, p Params) error {
		leaked := creche.ExchangeOf(r.Context()).Writer()
		err := creche.Go(r.Context(), "late", func(context.Context) error {
			late.pass()
			if n, err := io.WriteString(leaked, "late"); n != 0 || err == nil {
				t.Errorf("a write after the request: got %d bytes and no error, want none and an error", n)
			}
			leaked.WriteHeader(http.StatusTeapot)
			leaked.Header().Set("X-Late", "late")
			return nil
		})
		return errors.Join(err, ok(w, r, p))
	}))
	s.get("/one").is(http.StatusOK).says("ok")
	late.open()
	s.get("/nowhere").problem(http.StatusNotFound, "").has("X-Late", "")
}

func hijacks(t *trial) {
	ended := t.gate()
	s := t.serve(creche.Options{}, one(func(w http.ResponseWriter, r *http.Request, _ Params) error {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return err
		}
		defer conn.Close()
		nursery.From(r.Context()).Go(func(context.Context) error {
			ended.open()
			return nil
		})
		_, _ = rw.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nours")
		return errors.Join(rw.Flush(), errPlain)
	}))
	got := s.bytesOf(http.MethodGet, "/one")
	if !strings.HasSuffix(got, "\r\n\r\nours") {
		t.Errorf("the connection: got %q, want what the handler wrote and nothing else", got)
	}
	t.await(ended, "the task of a handler that hijacked")
	s.reported(errPlain)
}

func cannotHijack(t *trial) {
	s := t.serve(creche.Options{}, one(func(w http.ResponseWriter, _ *http.Request, _ Params) error {
		_, _, err := http.NewResponseController(w).Hijack()
		if !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Hijack: got %v, want http.ErrNotSupported", err)
		}
		return conflict("no hijacking")
	}))
	s.get("/one").problem(http.StatusConflict, "no hijacking")
}
