package adaptertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// adopting has the cases about connections that outlive their handler.
func adopting() []check {
	// B1, W13
	return []check{
		{"a connection that outlives its handler keeps its own parameters and rules, and the stop joins it", "W13, B1", 1, adopts},
		{"where nobody would join it, a connection does not outlive its handler", "W13", 1, adoptsNowhere},
	}
}

// hijack answers 101 and returns the connection.
func hijack(w http.ResponseWriter) (io.WriteCloser, error) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: none\r\n\r\n")
	return conn, err
}

// adopts has connections say what they are when their requests are over and the
// router has served others.
func adopts(t *trial) {
	const connections, others = 16, 64
	resume := t.gate()
	stay := func(w http.ResponseWriter, r *http.Request, p Params) error {
		id := p.Get("id")
		conn, err := hijack(w)
		if err != nil {
			return err
		}
		if !creche.ExchangeOf(r.Context()).Adopt(p.detach(r.Context()), func(ctx context.Context, a *creche.Adopted) {
			resume.pass()
			t.isAdopted(ctx, a, p, id)
			<-nursery.Draining(ctx)
			_, err := fmt.Fprintf(conn, "%v goes on\n", id)
			time.Sleep(time.Second)                             // which the stop grants
			a.Report(errors.Join(err, ctx.Err(), conn.Close())) //nolint:contextcheck // it knows its own
		}) {
			t.Error("Adopt: got false in a server, want true")
		}
		return nil
	}
	plain := func(w http.ResponseWriter, _ *http.Request, p Params) error {
		_, err := io.WriteString(w, p.Get("id"))
		return err
	}
	s := t.build(creche.Options{})
	ln := nurserytest.Listen()
	root := Group{Groups: []Group{{Prefix: "/rooms", Rules: conflicts, Routes: []Route{{http.MethodGet, "/{id}", stay}}}},
		Routes: []Route{{http.MethodGet, "/items/{id}", plain}}}
	served := s.serveOn(ln, root)
	var open []*bufio.Reader
	for i := range connections {
		open = append(open, t.upgrade(ln, fmt.Sprintf("/rooms/room-%d", i)))
	}
	client := ln.Client()
	defer client.CloseIdleConnections()
	for i := range others {
		t.visit(client, fmt.Sprintf("/items/other-%d", i))
	}
	resume.open()
	synctest.Wait()
	began := time.Now()
	s.app.Stop(nil)
	for i, br := range open {
		if got, err := br.ReadString('\n'); got != fmt.Sprintf("room-%d goes on\n", i) || err != nil {
			t.Errorf("connection %d: got %q, %v", i, got, err)
		}
	}
	t.await(served, "the end of the stop")
	if took := time.Since(began); took != time.Second {
		t.Errorf("the stop: took %v, want the second of the connections", took)
	}
	s.reported()
}

// serveOn has the application itself serve, and returns what opens when it has
// stopped.
func (s *site) serveOn(ln *nurserytest.Listener, root Group) (served *gate) {
	served = s.gate()
	handler := s.adapter.Build(s.app, root)
	s.clients.Go(func(ctx context.Context) error {
		defer served.open()
		return s.app.Serve(ctx, ln, handler)
	})
	return served
}

// visit gets path and forgets it.
func (t *trial) visit(client *http.Client, path string) {
	t.Helper()
	response, err := client.Get("http://creche.test" + path)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
}

var conflicts = []errorhandlers.Rule{errorhandlers.TranslateIs(errOther, func(error) error {
	return &errorhandlers.Problem{Status: http.StatusConflict}
})}

// isAdopted checks what the context of a connection is, its handler gone.
func (t *trial) isAdopted(ctx context.Context, a *creche.Adopted, p Params, id string) {
	if got := p.Kept(ctx, "id"); got != id {
		t.Errorf("a connection of %q: got %q as its path's parameter, want its own", id, got)
	}
	if creche.ExchangeOf(ctx) != nil {
		t.Error("creche.ExchangeOf: got one that has ended, want nil")
	}
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := errors.Join(ctx.Err(), context.Cause(ctx), within.Err(), context.Cause(within)); err != nil {
		t.Errorf("the context: got %v, want it alive", err)
	}
	got := a.Resolve(fmt.Errorf("wrapped: %w", errOther)) //nolint:contextcheck // it knows its own
	if got == nil || got.Status != http.StatusConflict {
		t.Errorf("Resolve: got %v, want the 409 of the group's rule", got)
	}
	if err := creche.Go(ctx, "of a connection", func(ctx context.Context) error {
		if got := p.Kept(ctx, "id"); got != id {
			return fmt.Errorf("a background task of the connection of %q: got %q as its path's parameter, want its own", id, got)
		}
		return nil
	}); err != nil {
		t.Errorf("creche.Go: %v", err)
	}
}

// upgrade asks for path on a connection of its own and returns what follows the
// answer.
func (t *trial) upgrade(ln *nurserytest.Listener, path string) *bufio.Reader {
	t.Helper()
	conn, err := ln.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: creche.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(conn)
	response, err := http.ReadResponse(br, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%s: got %v, %v, want 101", path, response, err)
	}
	_ = response.Body.Close() // there is none
	return br
}

func adoptsNowhere(t *trial) {
	s := t.serve(creche.Options{}, one(func(_ http.ResponseWriter, r *http.Request, p Params) error {
		if creche.ExchangeOf(r.Context()).Adopt(p.detach(r.Context()), func(context.Context, *creche.Adopted) {
			t.Error("run was called")
		}) {
			t.Error("Adopt: got true where nothing is around the requests, want false")
		}
		return errOther
	}))
	s.get("/one").is(http.StatusInternalServerError)
	s.reported(errOther)
}
