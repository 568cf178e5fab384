package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// lastRequest is a handler whose one request ends 300 ms after the stop began,
// and notes when.
type lastRequest struct {
	entered, stop chan struct{}
	left          time.Time
}

func newLastRequest() *lastRequest {
	return &lastRequest{entered: make(chan struct{}), stop: make(chan struct{})}
}

func (l *lastRequest) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	close(l.entered)
	<-l.stop
	time.Sleep(300 * time.Millisecond)
	_, _ = io.WriteString(w, "done")
	l.left = time.Now()
}

// measure asks once and stops the server meanwhile. It returns how long after
// the request's end serve returned.
func (l *lastRequest) measure(ln net.Listener, serve func() error, stop func()) (sample, error) {
	served, asked := make(chan error, 1), make(chan error, 1)
	var ended time.Time
	go func() {
		err := serve()
		ended = time.Now()
		served <- err
	}()
	go func() { asked <- ask("http://" + ln.Addr().String()) }()
	<-l.entered
	go stop()
	close(l.stop)
	err := errors.Join(<-asked, <-served)
	return sample{ns: float64(ended.Sub(l.left))}, err
}

func ask(url string) error {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "done" {
		return fmt.Errorf("got %q (%w)", body, err)
	}
	return nil
}

func quietApp() *creche.App {
	return creche.New(creche.Options{IgnoreSignals: true, Logger: slog.New(slog.DiscardHandler)})
}

func ourStop() (sample, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return sample{}, err
	}
	l, app := newLastRequest(), quietApp()
	return l.measure(ln, func() error { return app.Serve(context.Background(), ln, app.Middleware(l)) }, func() { app.Stop(nil) })
}

func theirStop() (sample, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return sample{}, err
	}
	l := newLastRequest()
	srv := &http.Server{Handler: l}
	shut := make(chan error, 1)
	serve := func() error {
		if err := srv.Serve(ln); err != http.ErrServerClosed {
			return err
		}
		return <-shut
	}
	return l.measure(ln, serve, func() { shut <- srv.Shutdown(context.Background()) })
}

// manyStop has so many background tasks that end when they are told to. What
// counts is the time from the last one's end until Serve has returned.
func manyStop(count int) func() (sample, error) {
	return func() (sample, error) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return sample{}, err
		}
		app := quietApp()
		var last atomic.Int64
		var began sync.WaitGroup
		began.Add(count)
		for range count {
			fault := app.Go(context.Background(), "waits", func(ctx context.Context) error {
				began.Done()
				<-nursery.Draining(ctx)
				last.Store(time.Now().UnixNano())
				return nil
			})
			if fault != nil {
				return sample{}, fault
			}
		}
		began.Wait()
		app.Stop(nil)
		err = app.Serve(context.Background(), ln, nil)
		return sample{ns: float64(time.Now().UnixNano() - last.Load())}, err
	}
}

// listTree lists so many tasks of a nursery.
func listTree(count int) func() (sample, error) {
	return beside(count, func(n *nursery.Nursery) error {
		if got := len(n.Tree().Tasks); got != count {
			return fmt.Errorf("got %d tasks, want %d", got, count)
		}
		return nil
	})
}

// listGoroutines writes the profile of their goroutines.
func listGoroutines(count int) func() (sample, error) {
	return beside(count, func(*nursery.Nursery) error { return pprof.Lookup("goroutine").WriteTo(io.Discard, 1) })
}

// beside measures list while so many tasks live.
func beside(count int, list func(*nursery.Nursery) error) func() (sample, error) {
	return func() (s sample, err error) {
		fault := nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
			for range count {
				n.Go(func(ctx context.Context) error { <-ctx.Done(); return nil })
			}
			began := time.Now()
			err = list(n)
			s.ns = float64(time.Since(began))
			n.Cancel(nil)
			return nil
		})
		return s, errors.Join(err, fault)
	}
}
