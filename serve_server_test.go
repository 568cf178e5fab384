package creche_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// The hooks of a server that is given still run, and so does its handler.
//
// B9
func TestAServerThatIsGiven(t *testing.T) {
	type key string
	synctest.Test(t, func(t *testing.T) {
		srv := &http.Server{
			BaseContext: func(ln net.Listener) context.Context {
				return context.WithValue(context.Background(), key("base"), ln.Addr().String())
			},
			ConnContext: func(ctx context.Context, c net.Conn) context.Context {
				return context.WithValue(ctx, key("conn"), c.LocalAddr().String())
			},
		}
		s := prepared(creche.Options{Server: srv})
		srv.ConnState = func(_ net.Conn, state http.ConnState) { s.note(state.String()) }
		srv.Handler = s.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, k := range []key{"base", "conn", "serve"} {
				_, _ = io.WriteString(w, r.Context().Value(k).(string)+" ")
			}
			wantErr(t, creche.Go(r.Context(), "job", func(ctx context.Context) error {
				if got := ctx.Value(key("base")); got != "192.0.2.1:80" {
					t.Errorf("a background task got %v, want the base context's value", got)
				}
				return nil
			}), nil)
		}))
		ctx, leave := context.WithCancel(context.WithValue(t.Context(), key("serve"), "trace"))
		s.begin(func() {})
		go func() { s.ended <- s.Serve(ctx, s.listener, nil) }()
		synctest.Wait()
		wantReply(t, <-s.ask(t), http.StatusOK, "192.0.2.1:80 192.0.2.1:80 trace ")
		synctest.Wait()
		s.wantEvents(t, "0s new", "0s active", "0s idle")
		leave()
		wantErr(t, <-s.ended, nil)
		s.seen.wantOnce(t)
	})
}

// A base context that ends ends the requests, as it does without us. Their clients
// are there, and get an answer.
//
// B9, R3, R5
func TestABaseContextThatEnds(t *testing.T) {
	for name, tt := range map[string]struct{ cause, want error }{
		"with a cause": {errStop, errStop},
		"without one":  {nil, errorhandlers.ErrDraining},
	} {
		in(t, name, func(t *testing.T) {
			base, end := context.WithCancelCause(t.Context())
			s := prepared(creche.Options{Server: &http.Server{BaseContext: func(net.Listener) context.Context { return base }}})
			cause := make(chan error, 2)
			s.start(t, s.listener, s.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
				if r.Header.Get("Warm") != "" { // clients repeat a request only on a connection that was used before
					return nil
				}
				<-r.Context().Done()
				cause <- context.Cause(r.Context())
				return r.Context().Err()
			})))
			ask(t, s.client, http.MethodGet, "http://creche.test/", func(r *http.Request) { r.Header.Set("Warm", "yes") })
			answer := s.ask(t)
			end(tt.cause)
			wantErr(t, <-cause, tt.want)
			status := http.StatusServiceUnavailable
			if tt.cause != nil {
				status = http.StatusInternalServerError
			}
			wantReply(t, <-answer, status, "")
			if len(cause) != 0 {
				t.Error("the handler ran again")
			}
			s.leave()
			wantErr(t, s.end(), nil)
		})
	}
}

// A hook that panics ends the server as gracefully as anything, and is told.
//
// B8, B9
func TestAServerWhoseHooksPanic(t *testing.T) {
	panics := func() { panic(errStop) }
	servers := map[string]*http.Server{
		"BaseContext": {BaseContext: func(net.Listener) context.Context { panics(); return nil }},
		"ConnContext": {ConnContext: func(ctx context.Context, _ net.Conn) context.Context { panics(); return ctx }},
		"ConnState":   {ConnState: func(net.Conn, http.ConnState) { panics() }},
	}
	for name, srv := range servers {
		in(t, name, func(t *testing.T) {
			s := prepared(creche.Options{Server: srv})
			s.Service("base", s.engine("base"))
			s.begin(func() { s.start(t, s.listener, http.NotFoundHandler()) })
			if c, err := s.listener.Dial(t.Context()); err == nil {
				defer c.Close()
			}
			err := s.end()
			wantErr(t, err, errStop)
			if _, ok := errors.AsType[*nursery.PanicError](err); !ok {
				t.Errorf("got %v, want the panic", err)
			}
			wantTexts(t, err, "serve_server_test.go") // its stack
			if !slices.Contains(s.events, "0s stop base") && !slices.Contains(s.events, "100ms stop base") {
				t.Errorf("got events %q, want the service stopped", s.events)
			}
		})
	}
}

// B9
func TestTheTimeOutsOfAServer(t *testing.T) {
	tests := []struct {
		name       string
		srv        *http.Server
		head, idle time.Duration
		bytes      int
	}{
		{"are safe by default", new(http.Server), 10 * time.Second, 2 * time.Minute, 64 << 10},
		{"are those that are given", &http.Server{ReadHeaderTimeout: 1, IdleTimeout: -1, MaxHeaderBytes: 2}, 1, -1, 2},
		{"are left to a ReadTimeout", &http.Server{ReadTimeout: 3}, 0, 0, 64 << 10},
		{"are safe without a ReadTimeout", &http.Server{ReadTimeout: -1}, 10 * time.Second, 2 * time.Minute, 64 << 10},
		{"are none where each is to be none", &http.Server{ReadTimeout: -1, ReadHeaderTimeout: -1, IdleTimeout: -1}, -1, -1, 64 << 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			app := creche.New(creche.Options{Server: tt.srv, IgnoreSignals: true, Logger: quiet})
			app.Stop(nil)
			wantErr(t, app.Serve(t.Context(), nurserytest.Listen(), nil), nil)
			if s := tt.srv; s.ReadHeaderTimeout != tt.head || s.IdleTimeout != tt.idle || s.MaxHeaderBytes != tt.bytes || s.ErrorLog == nil {
				t.Errorf("got %v, %v, %d bytes, log %v, want %v, %v, %d and one", s.ReadHeaderTimeout, s.IdleTimeout, s.MaxHeaderBytes, s.ErrorLog, tt.head, tt.idle, tt.bytes)
			}
		})
	}
}

// A client that dribbles its header is dropped.
//
// B9
func TestASlowHeaderIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{}, slow)
		s.begin(func() {})
		c := s.dial(t, "GET / HTTP/1.1\r\n")
		s.noteClose(c, "slow one")
		s.wantEvents(t, "10s slow one closed")
		s.leave()
		wantErr(t, s.end(), nil)
	})
}

// Whoever owns the server may shut it down, too: that is a clean stop.
//
// B8
func TestAServerThatItsOwnerShutsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := new(http.Server)
		s := prepared(creche.Options{Server: srv})
		s.start(t, s.listener, s.Middleware(http.HandlerFunc(slow)))
		answer := s.ask(t)
		shut := make(chan error)
		s.begin(func() { go func() { shut <- srv.Shutdown(context.Background()) }() })
		wantErr(t, s.end(), nil)
		wantErr(t, <-shut, nil)
		wantReply(t, <-answer, http.StatusOK, "done")
	})
}

// B9
func TestTLSConfigHasTheServerSpeakHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &http.Server{TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate(t)}}}
		s := prepared(creche.Options{Server: srv})
		transport := s.client.Transport.(*http.Transport)
		transport.TLSClientConfig, transport.ForceAttemptHTTP2 = &tls.Config{InsecureSkipVerify: true}, true
		s.start(t, s.listener, s.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.untilDraining(r.Context(), "request", time.Second)
			_, _ = io.WriteString(w, r.Proto)
		})))
		answer := s.askTLS(t, t.Context())
		s.begin(s.leave)
		wantErr(t, s.end(), nil)
		wantReply(t, <-answer, http.StatusOK, "HTTP/2.0")
	})
}

func TestATLSConfigWithoutACertificateIsAFault(t *testing.T) {
	app := creche.New(creche.Options{Server: &http.Server{TLSConfig: new(tls.Config)}})
	if got, want := text(app.Check()), "creche: Options.Server.TLSConfig has no certificate"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// HTTP/2 without TLS stops as well as with it.
//
// B6, B9
func TestUnencryptedHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		only := new(http.Protocols)
		only.SetUnencryptedHTTP2(true)
		s := prepared(creche.Options{Server: &http.Server{Protocols: only}})
		s.client.Transport.(*http.Transport).Protocols = only
		s.start(t, s.listener, s.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.untilDraining(r.Context(), r.Proto, time.Second)
			_, _ = io.WriteString(w, repeat(100_000))
		})))
		var answers []<-chan reply
		for range 5 {
			answers = append(answers, s.ask(t))
		}
		s.begin(s.leave)
		wantErr(t, s.end(), nil)
		for _, answer := range answers {
			wantReply(t, <-answer, http.StatusOK, repeat(100_000))
		}
		if got := s.took; got < time.Second || got > time.Second+10*time.Millisecond {
			t.Errorf("the stop took %v, want a second", got)
		}
		if !slices.Contains(s.events, "1s HTTP/2.0 done") {
			t.Errorf("got events %q, want HTTP/2", s.events)
		}
	})
}

// Several listeners are served alike and closed together.
//
// B9
func TestSeveralListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		s := prepared(creche.Options{Listening: func(a net.Addr) { told = append(told, a.String()) }})
		lns := []*nurserytest.Listener{s.listener, nurserytest.Listen(), nurserytest.Listen()}
		go func() { s.ended <- s.Serve(t.Context(), lns[0], s.Middleware(http.HandlerFunc(slow)), lns[1], lns[2]) }()
		synctest.Wait()
		var answers []<-chan reply
		for _, ln := range lns {
			s.client = ln.Client()
			answers = append(answers, s.ask(t))
		}
		s.Stop(nil)
		wantErr(t, s.end(), nil)
		for i, answer := range answers {
			wantReply(t, <-answer, http.StatusOK, "done")
			_, err := lns[i].Dial(t.Context())
			wantErr(t, err, net.ErrClosed)
		}
		if len(told) != 3 {
			t.Errorf("told of %q, want three addresses", told)
		}
	})
}

// One that fails stops the others.
//
// B8, B9
func TestOneOfSeveralListenersFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{Stopping: creche.Stopping{Delay: time.Second}})
		bad, closed := failingListener{nurserytest.Listen(), make(chan error)}, nurserytest.Listen()
		go func() { s.ended <- s.Serve(t.Context(), s.listener, http.NotFoundHandler(), bad) }()
		synctest.Wait()
		bad.fail <- errStop
		if err := s.end(); err != errStop {
			t.Errorf("got %v, want %v", err, errStop)
		}
		_ = closed.Close()
		again := prepared(creche.Options{})
		err := again.Serve(t.Context(), nurserytest.Listen(), nil, closed)
		wantErr(t, err, net.ErrClosed)
		wantTexts(t, err, "use of closed network connection")
	})
}

// A server of its own beside the application's: its port is told, and it stops
// with the services, so that it answers while the application drains.
//
// B4, B9
func TestServerAsAService(t *testing.T) {
	nurserytest.CheckLeaks(t)
	bound, handling := make(chan string, 1), make(chan bool)
	client := &http.Client{Transport: &http.Transport{}}
	var probe string
	app, url, ended := listeningWith(t, t.Context(), func(app *creche.App) {
		app.Service("metrics", creche.Server(&http.Server{
			Addr: "127.0.0.1:0", Handler: http.HandlerFunc(app.Ready),
			BaseContext: func(ln net.Listener) context.Context { bound <- ln.Addr().String(); return context.Background() },
		}))
	}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(handling)
		<-nursery.Draining(r.Context())
		wantReply(t, ask(t, client, http.MethodGet, probe), http.StatusServiceUnavailable, "not ready\n")
	}))
	probe = "http://" + <-bound
	answer := make(chan reply, 1)
	go func() { answer <- ask(t, client, http.MethodGet, url) }()
	<-handling // so the services have started
	wantReply(t, ask(t, client, http.MethodGet, probe), http.StatusOK, "ready\n")
	app.Stop(nil)
	wantReply(t, <-answer, http.StatusOK, "")
	wantErr(t, <-ended, nil)
	if got := ask(t, client, http.MethodGet, probe); got.err == nil {
		t.Errorf("after the stop: got %v, want the connection refused", got)
	}
	client.CloseIdleConnections()
}

// An address that is taken is the error of that service.
//
// B4, B8
func TestAServerServiceWhoseAddressIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	app := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet})
	app.Service("metrics", creche.Server(&http.Server{Addr: taken.Addr().String()}))
	err = app.ListenAndServe(t.Context(), "127.0.0.1:0", nil)
	var failed *creche.ServiceError
	if !errors.As(err, &failed) || failed.Service != "metrics" || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v, want the metrics' address in use", err)
	}
}
