package creche_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// admin serves h as a service beside the application, and returns its URL.
func admin(t *testing.T, h http.Handler) (app *creche.App, seen *witness, url string, ended <-chan error) {
	t.Helper()
	bound, ends := make(chan string, 1), make(chan error, 1)
	app, seen = watched(creche.Options{IgnoreSignals: true, Logger: quiet})
	app.Service("admin", creche.Server(&http.Server{
		Addr: "127.0.0.1:0", Handler: h,
		BaseContext: func(ln net.Listener) context.Context {
			bound <- ln.Addr().String()
			return context.WithValue(t.Context(), traceKey{}, "trace-2")
		},
	}))
	go func() { ends <- app.Serve(t.Context(), nurserytest.Listen(), http.NotFoundHandler()) }()
	return app, seen, "http://" + <-bound, ends
}

// What the requests to a server hand over that is a service belongs to the
// application: it is joined at the stop, and what fails is reported as anything.
//
// B1, B4, B7, R7
func TestWhatRequestsOfAServiceStart(t *testing.T) {
	nurserytest.CheckLeaks(t)
	finished := false
	mux := http.NewServeMux()
	mux.Handle("/start", creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, r.Context().Value(traceKey{}).(string))
		return errors.Join(err, creche.Go(r.Context(), "reindex", func(ctx context.Context) error {
			<-nursery.Draining(ctx)
			finished = true
			return nil
		}))
	}))
	mux.Handle("/fail", failing(errService))
	app, seen, url, ended := admin(t, mux)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	wantReply(t, ask(t, client, http.MethodGet, url+"/start"), http.StatusOK, "trace-2")
	wantReply(t, ask(t, client, http.MethodGet, url+"/fail"), http.StatusInternalServerError, "")
	if got := app.Stats().Background; got != 1 {
		t.Errorf("got %d background tasks, want 1", got)
	}
	app.Stop(nil)
	wantErr(t, <-ended, nil)
	if !finished {
		t.Error("Serve has returned before the task has")
	}
	seen.wantOnce(t, errService)
}

// A request to such a server is told of the stop, be it a stream or a connection
// that was taken over: it takes no more of the stop than it needs.
//
// B4, W13
func TestRequestsOfAServiceAreToldOfTheStop(t *testing.T) {
	nurserytest.CheckLeaks(t)
	taken := make(chan error, 1)
	mux := http.NewServeMux()
	mux.Handle("/stream", creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if err := http.NewResponseController(w).Flush(); err != nil {
			return err
		}
		<-nursery.Draining(r.Context())
		_, err := io.WriteString(w, "bye")
		return err
	}))
	mux.Handle("/take", creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return err
		}
		if !creche.ExchangeOf(r.Context()).Adopt(r.Context(), func(ctx context.Context, _ *creche.Adopted) {
			defer conn.Close()
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			<-ctx.Done() // it is cancelled with the service, after what is the application's own
			taken <- context.Cause(ctx)
		}) {
			t.Error("Adopt: got false, want true")
		}
		return nil
	}))
	app, seen, url, ended := admin(t, mux)
	for _, path := range []string{"/stream", "/take"} {
		conn, err := net.Dial("tcp", url[len("http://"):])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: creche.test\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if path == "/stream" {
			defer func() {
				body, err := io.ReadAll(res.Body)
				if string(body) != "bye" || err != nil {
					t.Errorf("got %q and error %v, want the whole stream", body, err)
				}
			}()
		}
	}
	if got := app.Stats().Connections; got != 0 {
		t.Errorf("got %d connections among the application's own, want none", got)
	}
	app.Stop(nil)
	wantErr(t, <-ended, nil)
	wantErr(t, <-taken, creche.ErrShutdown)
	seen.wantOnce(t)
}
