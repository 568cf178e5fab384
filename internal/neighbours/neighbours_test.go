package neighbours_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/robfig/cron/v3"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/internal/neighbours"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// soon is a schedule of robfig/cron that is due at once, again and again: its
// own are a second apart.
type soon struct{}

func (soon) Next(t time.Time) time.Time { return t.Add(5 * time.Millisecond) }

// The stop waits for the job under way, and starts no other.
func TestCron(t *testing.T) {
	nurserytest.CheckLeaks(t)
	s := prepared(t)
	running := make(chan bool)
	var begun, ended atomic.Int32
	jobs := cron.New(cron.WithChain(cron.SkipIfStillRunning(cron.DiscardLogger)))
	jobs.Schedule(soon{}, cron.FuncJob(func() {
		if begun.Add(1) == 1 {
			running <- true
		}
		time.Sleep(50 * time.Millisecond)
		ended.Add(1)
	}))
	s.Service("cron", neighbours.Cron(jobs))
	s.start()
	<-running
	s.stop()
	if b, e := begun.Load(), ended.Load(); b != e || b == 0 {
		t.Errorf("got %d jobs begun and %d ended, want all", b, e)
	}
}

func newNATS(t *testing.T) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// It is ready before the traffic, and still there for the last background task.
func TestNATS(t *testing.T) {
	nurserytest.CheckLeaks(t)
	s := prepared(t)
	broker := newNATS(t)
	s.Service("nats", neighbours.NATS(broker))
	s.start()
	heard := make(chan string, 1)
	if err := s.Go(t.Context(), "announce", func(ctx context.Context) error {
		<-nursery.Draining(ctx)
		conn, err := nats.Connect(broker.ClientURL())
		if err != nil {
			return err
		}
		defer conn.Close()
		news, err := conn.SubscribeSync("news")
		if err != nil {
			return err
		}
		if err := conn.Publish("news", []byte("the end")); err != nil {
			return err
		}
		m, err := news.NextMsg(10 * time.Second)
		if err == nil {
			heard <- string(m.Data)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s.stop()
	select {
	case got := <-heard:
		if got != "the end" {
			t.Errorf("got %q, want the end", got)
		}
	default:
		t.Error("nobody heard of the end")
	}
	if broker.Running() {
		t.Error("the server still runs")
	}
}

// One that somebody else shuts down is noticed.
func TestNATSThatEndsUnasked(t *testing.T) {
	nurserytest.CheckLeaks(t)
	s := prepared(t)
	broker := newNATS(t)
	s.Service("nats", neighbours.NATS(broker))
	s.start()
	broker.Shutdown()
	err := s.end()
	failed, ok := errors.AsType[*creche.ServiceError](err)
	if !ok || failed.Service != "nats" || !errors.Is(err, creche.ErrServiceEnded) {
		t.Errorf("got %v, want that nats ended unasked", err)
	}
}

// It answers from the start to the end of the stop.
func TestMetricsServer(t *testing.T) {
	nurserytest.CheckLeaks(t)
	s := prepared(t)
	bound := make(chan string, 1)
	s.Service("metrics", creche.Server(&http.Server{
		Addr: "127.0.0.1:0", Handler: http.HandlerFunc(s.Live),
		BaseContext: func(ln net.Listener) context.Context { bound <- ln.Addr().String(); return context.Background() },
	}))
	s.start()
	url := "http://" + <-bound
	if err := s.Go(t.Context(), "scrape", func(ctx context.Context) error {
		<-nursery.Draining(ctx)
		s.note("metrics: %d", s.get(url))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s.wantEvents("metrics: 200")
	if conn, err := net.Dial("tcp", url[len("http://"):]); err == nil {
		_ = conn.Close()
		t.Error("it still listens")
	}
}

// The stop waits for the jobs under way, and the database is closed after that.
func TestRiverOnSQLite(t *testing.T) {
	nurserytest.CheckLeaks(t)
	s := prepared(t)
	working := make(chan bool)
	q := openQueue(t, func(_ context.Context, to string) error {
		working <- true
		time.Sleep(100 * time.Millisecond)
		s.note("mail to %s", to)
		return nil
	})
	s.Service("database", s.around("database", q.database()))
	s.Service("river", s.around("river", neighbours.River(q.Client)))
	s.start()
	if _, err := q.Insert(t.Context(), mail{To: "Ann"}, nil); err != nil {
		t.Fatal(err)
	}
	<-working
	s.stop()
	s.wantEvents("start database", "start river", "mail to Ann", "stopped river", "stopped database")
}

// A job that does not end is cancelled when there is no more time for it.
func TestRiverJobsThatHang(t *testing.T) {
	nurserytest.CheckLeaks(t)
	s := prepared(t)
	s.App = creche.New(creche.Options{
		IgnoreSignals: true, Logger: slog.New(slog.DiscardHandler), Listening: func(a net.Addr) { s.bound <- a },
		Stopping: creche.Stopping{Requests: -1, Cancelled: -1, Background: -1, Abandoned: -1, Services: time.Second},
	})
	working := make(chan bool)
	q := openQueue(t, func(ctx context.Context, to string) error {
		working <- true
		<-ctx.Done()
		s.note("mail to %s cut short", to)
		return ctx.Err()
	})
	s.Service("database", s.around("database", q.database()))
	s.Service("river", s.around("river", neighbours.River(q.Client)))
	s.start()
	if _, err := q.Insert(t.Context(), mail{To: "Bob"}, nil); err != nil {
		t.Fatal(err)
	}
	<-working
	s.stop()
	s.wantEvents("start database", "start river", "mail to Bob cut short", "stopped river", "stopped database")
}

// All of them together: cron hands work to River, whose worker tells NATS. They
// start in order, stop in reverse, and what cron began has arrived at the end.
func TestAllOfThem(t *testing.T) {
	nurserytest.CheckLeaks(t)
	s := prepared(t)
	broker := newNATS(t)
	var begun, worked, told atomic.Int32
	var conn *nats.Conn
	q := openQueue(t, func(_ context.Context, to string) error {
		worked.Add(1)
		return conn.Publish("mails", []byte(to))
	})
	some := make(chan bool)
	jobs := cron.New()
	jobs.Schedule(soon{}, cron.FuncJob(func() {
		if _, err := q.Insert(context.Background(), mail{To: "all"}, nil); err != nil {
			t.Error(err)
		}
		begun.Add(1)
	}))
	closed := make(chan bool)
	s.Service("nats", s.around("nats", neighbours.NATS(broker)))
	s.Service("news", s.around("news", creche.Service{
		Start: func(context.Context) (err error) {
			if conn, err = nats.Connect(broker.ClientURL(), nats.ClosedHandler(func(*nats.Conn) { close(closed) })); err == nil {
				_, err = conn.Subscribe("mails", func(*nats.Msg) {
					if told.Add(1) == 3 {
						close(some)
					}
				})
			}
			return err
		},
		Stop: func(context.Context) error { // when all that was published has arrived
			if err := conn.Drain(); err != nil {
				return err
			}
			<-closed
			return nil
		},
	}))
	s.Service("database", s.around("database", q.database()))
	s.Service("river", s.around("river", neighbours.River(q.Client)))
	s.Service("cron", s.around("cron", neighbours.Cron(jobs)))
	s.Service("metrics", s.around("metrics", creche.Server(&http.Server{Addr: "127.0.0.1:0", Handler: http.HandlerFunc(s.Ready)})))
	s.start()
	<-some
	s.stop()
	order := []string{"nats", "news", "database", "river", "cron", "metrics"}
	var want []string
	for _, name := range order {
		want = append(want, "start "+name)
	}
	for _, name := range slices.Backward(order) {
		want = append(want, "stopped "+name)
	}
	s.wantEvents(want...)
	if b, w, got := begun.Load(), worked.Load(), told.Load(); w == 0 || w > b || got != w {
		t.Errorf("got %d mails begun, %d worked and %d told, want all that were worked told", b, w, got)
	}
}
