package creche_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// overTLS has those who connect to ln speak HTTP/2, and c one of them.
func overTLS(t *testing.T, c *http.Client, ln net.Listener) net.Listener {
	t.Helper()
	transport := c.Transport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	transport.ForceAttemptHTTP2 = true
	return tls.NewListener(ln, &tls.Config{NextProtos: []string{"h2"}, Certificates: []tls.Certificate{certificate(t)}})
}

// certificate returns one that is signed by itself.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// servingTLS starts an App that speaks HTTP/2 in a bubble.
func servingTLS(t *testing.T, o creche.Options, h http.HandlerFunc) *served {
	t.Helper()
	s := prepared(o)
	ln := overTLS(t, s.client, s.listener)
	s.start(t, ln, s.Middleware(h))
	return s
}

// B6
func TestAStopOverHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servingTLS(t, creche.Options{}, func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 {
				t.Errorf("got %v, want HTTP/2", r.Proto)
			}
			<-nursery.Draining(r.Context())
			time.Sleep(time.Second)
			_, _ = io.WriteString(w, repeat(100_000))
		})
		var answers []<-chan reply
		for range 10 {
			answers = append(answers, s.askTLS(t, t.Context()))
		}
		s.begin(s.leave)
		wantErr(t, s.end(), nil)
		if got := s.took; got > time.Second+10*time.Millisecond {
			t.Errorf("the stop took %v, want at most 10ms beyond the requests' second", got)
		}
		for _, answer := range answers {
			if got := <-answer; got.status != http.StatusOK || got.body != repeat(100_000) || got.err != nil {
				t.Errorf("got %d, %d bytes (%v), want all", got.status, len(got.body), got.err)
			}
		}
	})
}

func (s *served) askTLS(t *testing.T, ctx context.Context) <-chan reply {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://creche.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	replies := make(chan reply, 1)
	go func() { replies <- sent(s.client, req) }()
	synctest.Wait()
	return replies
}

// B6
func TestAnIdleHTTP2ConnectionDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servingTLS(t, creche.Options{}, slow)
		wantReply(t, <-s.askTLS(t, t.Context()), http.StatusOK, "done")
		time.Sleep(time.Second)
		s.begin(s.leave)
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "0s stopped")
	})
}

// B6, B7
func TestANewHTTP2ConnectionGetsAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servingTLS(t, creche.Options{}, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			_, _ = io.WriteString(w, "done")
		})
		s.speakHTTP2(t, s.dial(t, ""))
		s.begin(s.leave)
		time.Sleep(60 * time.Millisecond)
		answer := s.askTLS(t, t.Context())
		wantErr(t, s.end(), nil)
		wantReply(t, <-answer, http.StatusOK, "done")
		s.wantEvents(t, "1.06s stopped")
	})
}

// speakHTTP2 has the client use conn from now on, which says hello first.
func (s *served) speakHTTP2(t *testing.T, conn net.Conn) {
	t.Helper()
	hello := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err := hello.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	dialled := make(chan net.Conn, 1)
	dialled <- hello
	s.client.Transport.(*http.Transport).DialTLSContext = func(context.Context, string, string) (net.Conn, error) {
		select {
		case conn := <-dialled:
			return conn, nil
		default:
			return nil, errors.New("no second connection")
		}
	}
}

// A connection whose first request comes when all others have been told to go
// is told so with the answer: its client would go on asking until the stop cuts it off.
//
// B7
func TestALateHTTP2ConnectionIsToldToGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := servingTLS(t, creche.Options{}, func(w http.ResponseWriter, r *http.Request) {
			if calls++; calls < 3 {
				_ = http.NewResponseController(w).Flush()
				time.Sleep(5 * time.Second)
			}
			_, _ = io.WriteString(w, "done")
		})
		first := s.askTLS(t, t.Context())
		late := s.dial(t, "")
		s.begin(s.leave)
		time.Sleep(time.Second)
		s.speakHTTP2(t, late)
		second := s.askTLS(t, t.Context())
		if got := <-s.askTLS(t, t.Context()); got.err == nil {
			t.Errorf("got %d %q after the first request of the late connection, want an error", got.status, got.body)
		}
		wantReply(t, <-first, http.StatusOK, "done")
		wantReply(t, <-second, http.StatusOK, "done")
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "6s stopped")
		if calls != 2 {
			t.Errorf("got %d calls of the handler, want 2", calls)
		}
	})
}

// Over HTTP/2 net/http may have read a request when its connection is closed.
//
// B7
func TestNoHandlerIsCalledAfterTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := new(http.Server)
		called := false
		s := serving(t, creche.Options{Server: srv}, func(http.ResponseWriter, *http.Request) { called = true })
		s.begin(s.leave)
		wantErr(t, s.end(), nil)
		defer func() {
			if got := recover(); got != http.ErrAbortHandler {
				t.Errorf("got a panic with %v, want http.ErrAbortHandler", got)
			}
			if called {
				t.Error("the handler was called")
			}
		}()
		srv.Handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	})
}

// A stream that its client has reset, or a connection that it has closed, may
// still have a handler.
//
// B5
func TestHandlersOfLostStreamsAreJoined(t *testing.T) {
	tests := []struct {
		name string
		lose func(s *served, reset context.CancelFunc)
	}{
		{"a reset stream", func(_ *served, reset context.CancelFunc) { reset() }},
		{"a closed connection", func(s *served, reset context.CancelFunc) {
			reset()
			synctest.Wait()
			s.client.CloseIdleConnections()
		}},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			var s *served
			cause := make(chan error, 1)
			s = servingTLS(t, creche.Options{Stopping: stages}, func(_ http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
				cause <- context.Cause(r.Context())
				s.untilDraining(context.WithoutCancel(r.Context()), "request", 4*time.Second)
			})
			ctx, reset := context.WithCancel(t.Context())
			answer := s.askTLS(t, ctx)
			tt.lose(s, reset)
			synctest.Wait()
			if got := <-answer; !errors.Is(got.err, context.Canceled) {
				t.Errorf("got %v, want it cancelled", got)
			}
			wantErr(t, <-cause, creche.ErrClientGone)
			s.begin(s.leave)
			wantErr(t, s.end(), nil)
			s.wantEvents(t, "0s request is to finish", "4s request done", "4s stopped")
		})
	}
}

// Over real sockets the last frames of a response must have left before its
// connection is closed.
//
// B7
func TestTheLastResponseIsWhole(t *testing.T) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprintf("over HTTP/%d", version), func(t *testing.T) {
			for range rounds(t, 10, 300) {
				lastResponse(t, version)
			}
		})
	}
}

func lastResponse(t *testing.T, version int) {
	const clients = 4
	entered := make(chan struct{}, clients)
	app := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet})
	h := func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-nursery.Draining(r.Context())
		_, _ = io.WriteString(w, repeat(30_000))
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	scheme, client := "http://", &http.Client{Transport: &http.Transport{}}
	addr := ln.Addr().String()
	if version == 2 {
		scheme, ln = "https://", overTLS(t, client, ln)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Serve(t.Context(), ln, app.Middleware(http.HandlerFunc(h))) }()
	var asking sync.WaitGroup
	for range clients {
		asking.Go(func() {
			got := ask(t, client, http.MethodGet, scheme+addr+"/")
			if got.err != nil || got.body != repeat(30_000) {
				t.Errorf("got %d, %d bytes (%v), want all", got.status, len(got.body), got.err)
			}
		})
	}
	for range clients {
		<-entered
	}
	app.Stop(nil)
	wantErr(t, <-ended, nil)
	asking.Wait()
	client.CloseIdleConnections()
}
