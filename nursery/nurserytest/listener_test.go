package nurserytest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche/nursery/nurserytest"
)

var errGone = errors.New("gone")

func TestListenerEnds(t *testing.T) {
	tests := []struct {
		name string
		call func(ctx context.Context, l *nurserytest.Listener) error
		end  func(l *nurserytest.Listener, cancel context.CancelCauseFunc)
		want error
	}{
		{"an Accept that waits ends with the close", accept, closeIt, net.ErrClosed},
		{"a Dial that waits ends with the close", dial, closeIt, net.ErrClosed},
		{"a Dial that waits ends with its context and its cause", dial, cancelIt, errGone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := nurserytest.Listen()
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				got := make(chan error, 1)
				go func() { got <- tt.call(ctx, l) }()
				synctest.Wait()
				if len(got) > 0 {
					t.Fatalf("got %v before anything happened, want it to wait", <-got)
				}
				tt.end(l, cancel)
				if err := <-got; !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				tt.end(l, cancel)
				if err := tt.call(ctx, l); !errors.Is(err, tt.want) {
					t.Errorf("once more: got %v, want %v", err, tt.want)
				}
			})
		})
	}
}

func nothing(context.Context, *nurserytest.Explorer) error { return nil }

func accept(_ context.Context, l *nurserytest.Listener) error {
	_, err := l.Accept()
	return err
}

func dial(ctx context.Context, l *nurserytest.Listener) error {
	_, err := l.Dial(ctx)
	return err
}

func closeIt(l *nurserytest.Listener, _ context.CancelCauseFunc)       { _ = l.Close() }
func cancelIt(_ *nurserytest.Listener, cancel context.CancelCauseFunc) { cancel(errGone) }

func TestListenerConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := nurserytest.Listen()
		type accepted struct {
			conn net.Conn
			err  error
		}
		incoming := make(chan accepted, 1)
		seen := map[string]bool{}
		for range 3 {
			go func() {
				c, err := l.Accept()
				incoming <- accepted{c, err}
			}()
			client, err := l.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			server := <-incoming
			if server.err != nil {
				t.Fatal(server.err)
			}
			checkConnection(t, l, client, server.conn)
			seen[server.conn.RemoteAddr().String()] = true
		}
		if len(seen) != 3 {
			t.Errorf("got clients' addresses %v, want three", seen)
		}
		if err := l.Close(); err != nil {
			t.Errorf("Close: got %v, want nil", err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("second Close: got %v, want nil", err)
		}
	})
}

// checkConnection tells whether client and server are two ends of one
// connection, and closes it.
func checkConnection(t *testing.T, l *nurserytest.Listener, client, server net.Conn) {
	t.Helper()
	if got, want := server.RemoteAddr(), client.LocalAddr(); got != want {
		t.Errorf("address of the client: got %v, want %v", got, want)
	}
	if got, want := client.RemoteAddr(), l.Addr(); got != want {
		t.Errorf("address of the server: got %v, want %v", got, want)
	}
	if _, _, err := net.SplitHostPort(server.RemoteAddr().String()); err != nil {
		t.Error(err)
	}
	go func() {
		_, _ = io.WriteString(client, "hello")
		_ = client.Close()
	}()
	if got, err := io.ReadAll(server); string(got) != "hello" || err != nil {
		t.Errorf("got %q and %v, want hello", got, err)
	}
}

func TestMisusePanics(t *testing.T) {
	tests := []struct {
		name, want string
		call       func()
	}{
		{"a nil context", "nurserytest: Dial: nil context", func() {
			var none context.Context
			_, _ = nurserytest.Listen().Dial(none)
		}},
		{"a nil test", "nurserytest: CheckLeaks: nil t", func() { nurserytest.CheckLeaks(nil) }},
		{"a nil main", "nurserytest: CheckMain: nil m", func() { nurserytest.CheckMain(nil) }},
		{"an exploration without test", "nurserytest: Explore: nil t", func() { nurserytest.Explore(nil, nothing) }},
		{"an exploration of nothing", "nurserytest: Explore: nil function", func() { nurserytest.Explore(t, nil) }},
		{"an exploration with a zero option", "nurserytest: Explore: zero ExploreOption", func() {
			nurserytest.Explore(t, nothing, nurserytest.ExploreOption{})
		}},
		{"no seeds", "nurserytest: Seeds(0): want at least 1", func() { nurserytest.Seeds(0) }},
		{"a step without context", "nurserytest: Explorer.Step: nil context", func() {
			var none context.Context
			_ = new(nurserytest.Explorer).Step(none, "step")
		}},
		{"a pick of none", "nurserytest: Explorer.Pick: n of 0: want at least 1", func() { new(nurserytest.Explorer).Pick("pick", 0) }},
		{"a server without test", "nurserytest: NewServer: nil t", func() { nurserytest.NewServer(nil, nil) }},
		{"a server without handler", "nurserytest: NewServer: nil handler", func() { nurserytest.NewServer(new(fakeTB), nil) }},
		{"a zero option", "nurserytest: NewServer: zero ServerOption", func() {
			nurserytest.NewServer(new(fakeTB), teapot, nurserytest.ServerOption{})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got := recover(); got != tt.want {
					t.Errorf("got panic %v, want %v", got, tt.want)
				}
			}()
			tt.call()
		})
	}
}
