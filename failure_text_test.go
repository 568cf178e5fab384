package creche_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// returnsNil is the classic mistake: what is returned is no nil error.
func returnsNil(context.Context) error {
	var p *errorhandlers.Problem
	return p
}

// Wherever a nil pointer is returned as an error, the log, the report and what
// Serve returns say so.
//
// B2, B4, E8
func TestANilPointerReturnedAsAnErrorIsCalledThat(t *testing.T) {
	const was = "a nil *errorhandlers.Problem was returned as an error"
	tests := []struct {
		name  string
		run   func(s *served, ctx context.Context) error // a request's
		fails string                                     // what Serve returns, but for was
	}{
		{"the handler", func(_ *served, ctx context.Context) error { return returnsNil(ctx) }, ""},
		{"a task of the request", func(_ *served, ctx context.Context) error {
			nursery.From(ctx).Go(returnsNil)
			return nil
		}, ""},
		{"a nursery inside", func(_ *served, ctx context.Context) error { return nursery.All(ctx, returnsNil, returnsNil) }, ""},
		{"a background task", func(_ *served, ctx context.Context) error { return creche.Go(ctx, "job", returnsNil) }, ""},
		{"a critical one", func(_ *served, ctx context.Context) error {
			return creche.Go(ctx, "job", returnsNil, nursery.Critical())
		}, "creche: critical task job: "},
		{"a service", func(s *served, _ context.Context) error { s.note("end it"); return nil }, "creche: service mortal: run: "},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			var log journal
			s := prepared(creche.Options{})
			s.App = creche.New(creche.Options{IgnoreSignals: true, Logger: log.logger()})
			asked := make(chan bool, 1)
			if strings.Contains(tt.fails, "service") {
				s.Service("mortal", creche.Daemon(func(ctx context.Context) error { <-asked; return returnsNil(ctx) }))
			}
			s.start(t, s.listener, s.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
				defer func() { asked <- true }()
				return tt.run(s, r.Context())
			})))
			<-s.ask(t)
			synctest.Wait()
			s.leave()
			err := s.end()
			if got := nursery.Text(err); tt.fails != "" && got != tt.fails+was || tt.fails == "" && err != nil {
				t.Errorf("got %q from Serve, want %q", got, tt.fails+was)
			}
			if got := log.String(); !strings.Contains(got, was+`"`) || strings.Contains(got, "<nil>") {
				t.Errorf("got log %s\nwant that %s", got, was)
			}
		})
	}
}

// E5, E8
func TestANilPointerOfWhichAClientThatLeftIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log journal
		app := creche.New(creche.Options{Logger: log.logger()})
		srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return returnsNil(r.Context())
		})))
		ctx, leave := context.WithCancel(t.Context())
		go func() { synctest.Wait(); leave() }()
		ask(t, srv.Client(), http.MethodGet, srv.URL, func(r *http.Request) { *r = *r.WithContext(ctx) })
		srv.Close()
		if got, want := log.String(), "could not be told: a nil *errorhandlers.Problem was returned as an error"; !strings.Contains(got, want) {
			t.Errorf("got log %s, want %s", got, want)
		}
	})
}
