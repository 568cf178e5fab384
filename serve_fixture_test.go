package creche_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

var (
	errStop = errors.New("the reason to stop")
	quiet   = slog.New(slog.DiscardHandler)
)

// stages has no two sums alike: requests are cancelled after 10 s and cut off
// after 13 s, background tasks are cancelled after 18 s and left after 20 s.
var stages = creche.Stopping{
	Requests:   10 * time.Second,
	Cancelled:  3 * time.Second,
	Background: 5 * time.Second,
	Abandoned:  2 * time.Second,
}

// served is an App that serves in memory, in a bubble.
type served struct {
	*creche.App
	seen     *witness
	listener *nurserytest.Listener
	client   *http.Client
	leave    context.CancelFunc // ends the context of Serve
	ended    chan error
	mu       sync.Mutex
	began    time.Time     // of the stop
	took     time.Duration // to stop
	events   []string
}

// serving starts an App with h, inside its middleware.
func serving(t *testing.T, o creche.Options, h http.HandlerFunc) *served {
	t.Helper()
	s := prepared(o)
	s.start(t, s.listener, s.Middleware(h))
	return s
}

func prepared(o creche.Options) *served {
	o.IgnoreSignals, o.Logger = true, quiet
	s := &served{listener: nurserytest.Listen(), ended: make(chan error, 1)}
	s.App, s.seen = watched(o)
	s.client = s.listener.Client()
	return s
}

// start serves h on ln.
func (s *served) start(t *testing.T, ln net.Listener, h http.Handler) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	s.leave = leave
	t.Cleanup(leave)
	t.Cleanup(s.client.CloseIdleConnections)
	go func() {
		err := s.Serve(ctx, ln, h)
		s.note("stopped")
		s.mu.Lock()
		s.took = time.Since(s.began)
		s.mu.Unlock()
		s.ended <- err
	}()
	synctest.Wait()
}

// ask sends a GET request for / whose reply comes through the channel.
func (s *served) ask(t *testing.T) <-chan reply {
	t.Helper()
	replies := make(chan reply, 1)
	req, err := http.NewRequest(http.MethodGet, "http://creche.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { replies <- sent(s.client, req) }()
	synctest.Wait()
	return replies
}

// begin notes when the stop begins, and begins it.
func (s *served) begin(stop func()) {
	s.mu.Lock()
	s.began = time.Now()
	s.mu.Unlock()
	stop()
}

// note adds an event, with its time after the beginning of the stop.
func (s *served) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, fmt.Sprintf("%v %s", time.Since(s.began), what))
}

// end waits until Serve returns.
func (s *served) end() error { return <-s.ended }

// wantEvents fails t unless these were noted, in this order; those of the same
// moment in any.
func (s *served) wantEvents(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	got := slices.Clone(s.events)
	if !slices.Equal(got, want) {
		t.Errorf("got events\n%q\nwant\n%q", got, want)
	}
}

// untilCancelled notes the stages of a stop as they arrive at who, and returns
// when ctx ends.
func (s *served) untilCancelled(ctx context.Context, who string) error {
	select {
	case <-nursery.Draining(ctx):
		s.note(who + " is to finish")
	case <-ctx.Done():
		s.note(who + " cancelled without warning")
	}
	<-ctx.Done()
	cause := "for another reason"
	if errors.Is(context.Cause(ctx), creche.ErrShutdown) {
		cause = "for the shutdown"
	}
	s.note(who + " cancelled " + cause)
	return context.Cause(ctx)
}

// untilDraining notes the soft signal and returns after it took a while more.
func (s *served) untilDraining(ctx context.Context, who string, while time.Duration) {
	select {
	case <-nursery.Draining(ctx):
		s.note(who + " is to finish")
	case <-ctx.Done():
		s.note(who + " cancelled without warning")
	}
	time.Sleep(while)
	s.note(who + " done")
}

// wantErr fails t unless err reaches want, or is nil as want is.
func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || (want == nil) != (err == nil) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// in runs test in a bubble.
func in(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// wantTexts fails t unless err says all of texts.
func wantTexts(t *testing.T, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got error %v, want %q in it", err, text)
		}
	}
}

// rounds is how often a test of what happens seldom is repeated: the second
// number with CRECHE_LONG=1 in the environment.
func rounds(t *testing.T, short, long int) int {
	t.Helper()
	if os.Getenv("CRECHE_LONG") != "" {
		return long
	}
	return short
}
