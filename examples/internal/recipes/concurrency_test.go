package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/examples/internal/recipes"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestPricesAreAlike(t *testing.T) {
	skus := []string{"tea", "coffee", "milk"}
	for name, prices := range map[string]func(context.Context, []string) ([]int, error){
		"ours": recipes.Prices, "errgroup": PricesWithErrgroup, "conc": PricesWithConc,
	} {
		got, err := prices(t.Context(), skus)
		want := []int{3, 6, 4}
		if name == "conc" { // whose results come in the order of their ends
			slices.Sort(got)
			slices.Sort(want)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
		}
	}
	for name, both := range map[string]func(context.Context, string) (int, int, error){"ours": recipes.Both, "by hand": BothByHand} {
		if price, stock, err := both(t.Context(), "tea"); err != nil || price != 3 || stock != 3 {
			t.Errorf("%s: got %d, %d, %v, want 3 and 3", name, price, stock, err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, _, err := both(gone, "tea"); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, for who has gone: got %v, want its end", name, err)
		}
	}
}

// N14
func TestCheapestEndsTheOthers(t *testing.T) {
	skus := slices.Values([]string{"coffee", "coffee", "tea", "coffee"})
	if price, err := recipes.Cheapest(t.Context(), skus, 3); err != nil || price != 3 {
		t.Errorf("got %d, %v, want 3", price, err)
	}
	if _, err := recipes.Cheapest(t.Context(), skus, 2); err == nil {
		t.Error("got nil, want that all are too expensive")
	}
}

// N14
func TestTheNearestMirrorAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		got, err := recipes.Nearest(t.Context(), after(time.Second, "here"), after(time.Hour, "there"))
		if err != nil || got != "here" || time.Since(began) != time.Second {
			t.Errorf("got %q, %v after %v, want the one that is here after 1 s", got, err, time.Since(began))
		}
	})
}

// after returns what gives v after d, or the end of its context.
func after[T any](d time.Duration, v T) func(ctx context.Context) (T, error) {
	return func(ctx context.Context) (got T, err error) {
		select {
		case <-time.After(d):
			return v, nil
		case <-ctx.Done():
			return got, ctx.Err()
		}
	}
}

// N15
func TestAPageWithoutWhatItCanDoWithout(t *testing.T) {
	none := func(context.Context) ([]string, error) { return nil, errors.New("down") }
	torn := func(context.Context) (string, error) { return "", errors.New("torn out") }
	for _, tt := range []struct {
		name    string
		article func(context.Context) (string, error)
		related func(context.Context) ([]string, error)
		links   int
		fails   bool
		took    time.Duration
	}{
		{"all of it", after(time.Second, "text"), after(time.Millisecond, []string{"a", "b"}), 2, false, time.Second},
		{"what comes late", after(time.Second, "text"), after(time.Hour, []string{"a"}), 0, false, time.Second},
		{"what fails", after(time.Second, "text"), none, 0, false, time.Second},
		{"what nobody can do without", torn, after(time.Hour, []string{"a"}), 0, true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			p, err := recipes.Load(t.Context(), tt.article, tt.related)
			if (err != nil) != tt.fails || !tt.fails && (p.Article != "text" || len(p.Related) != tt.links) || time.Since(began) != tt.took {
				t.Errorf("%s: got %v, %v after %v", tt.name, p, err, time.Since(began))
			}
		})
	}
}

// N11
func TestACrawlVisitsAllAndEightPagesAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var visits, running, most atomic.Int64
		err := recipes.Crawl(t.Context(), "a", func(_ context.Context, page string) ([]string, error) {
			visits.Add(1)
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			time.Sleep(time.Second)
			if len(page) == 8 {
				return nil, nil
			}
			return []string{page + "a", page + "b"}, nil
		})
		if err != nil || visits.Load() != 255 || most.Load() != 8 {
			t.Errorf("got %d pages, %d at a time, %v, want 255 and 8", visits.Load(), most.Load(), err)
		}
	})
}

// M1
func TestComplaints(t *testing.T) {
	var both atomic.Int32
	err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		for _, name := range []string{"price", "stock"} {
			n.Go(func(context.Context) error {
				for both.Add(1); both.Load() < 2; {
					time.Sleep(time.Millisecond)
				}
				return errors.New(name + " is down")
			}, nursery.Name(name))
		}
		return nil
	})
	got := recipes.Complain(err)
	slices.Sort(got)
	if want := []string{"price: price is down", "stock: stock is down"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := recipes.Complain(errors.New("alone")); !slices.Equal(got, []string{"alone"}) {
		t.Errorf("got %q, want the only one", got)
	}
}

// What the pages say of others.

// A task that starts a task under a limit of one waits for its own place.
func TestTasksOfTasksUnderALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g errgroup.Group
		g.SetLimit(1)
		inside := make(chan bool, 1)
		g.Go(func() error {
			inside <- g.TryGo(func() error { return nil }) // Go would wait for ever
			return nil
		})
		if err := g.Wait(); err != nil || <-inside {
			t.Errorf("errgroup: got %v and a place, want none", err)
		}
		ran := false
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(context.Context) error {
				n.Go(func(context.Context) error {
					ran = true
					return nil
				})
				return nil
			})
			return nil
		}, nursery.Limit(1))
		if err != nil || !ran {
			t.Errorf("creche: got %v, ran %v, want it to run", err, ran)
		}
	})
}

var errDown = errors.New("down")

// twoFailWhileOneWaits starts a task that waits and two that fail together.
func twoFailWhileOneWaits(spawn func(func(ctx context.Context) error)) {
	var ready atomic.Int32
	spawn(func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("waiting: %w", ctx.Err())
	})
	for range 2 {
		spawn(func(context.Context) error {
			for ready.Add(1); ready.Load() < 2; {
				time.Sleep(time.Millisecond)
			}
			return errDown
		})
	}
}

// N3, N4
func TestWhichErrorsComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, ctx := errgroup.WithContext(t.Context())
		twoFailWhileOneWaits(func(f func(context.Context) error) { g.Go(func() error { return f(ctx) }) })
		if err := g.Wait(); err != errDown {
			t.Errorf("errgroup: got %v, want the first alone", err)
		}
		p := pool.New().WithContext(t.Context()).WithCancelOnError()
		twoFailWhileOneWaits(p.Go)
		if err := p.Wait(); strings.Count(err.Error(), "down") != 2 || !strings.Contains(err.Error(), "waiting: context canceled") {
			t.Errorf("conc: got %v, want both and the echo", err)
		}
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			twoFailWhileOneWaits(func(f func(context.Context) error) { n.Go(f) })
			return nil
		})
		if several, ok := errors.AsType[*nursery.MultiError](err); !ok || len(several.Failures) != 2 {
			t.Errorf("creche: got %v, want both and no echo", err)
		}
	})
}

// A panic in a pool of conc cancels the others if the pool cancels on errors.
// Otherwise they end when they like, and the panic is raised then.
func TestAPanicInAPool(t *testing.T) {
	for _, tt := range []struct {
		name string
		of   func(ctx context.Context) *pool.ContextPool
		took time.Duration
	}{
		{"by default", func(ctx context.Context) *pool.ContextPool { return pool.New().WithContext(ctx) }, time.Hour},
		{"with WithCancelOnError", func(ctx context.Context) *pool.ContextPool {
			return pool.New().WithContext(ctx).WithCancelOnError()
		}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			began := time.Now()
			p := tt.of(ctx)
			p.Go(func(context.Context) error { panic("boom") })
			p.Go(func(ctx context.Context) error {
				<-ctx.Done()
				return nil
			})
			func() {
				defer func() { _ = recover() }()
				t.Errorf("%s: got %v, want a panic", tt.name, p.Wait())
			}()
			if took := time.Since(began); took != tt.took {
				t.Errorf("%s: the panic came after %v, want %v", tt.name, took, tt.took)
			}
		})
	}
}

func TestMailsAreSentAfterTheAnswer(t *testing.T) {
	for name, handler := range map[string]func(func(context.Context) error) http.HandlerFunc{"ours": recipes.Mail, "by hand": MailByHand} {
		app, sent := quiet(), make(chan error, 1)
		h := app.Middleware(handler(func(ctx context.Context) error {
			sent <- ctx.Err()
			return nil
		}))
		if code, _ := do(h, http.MethodPost, "/"); code != http.StatusAccepted {
			t.Errorf("%s: got %d, want 202", name, code)
		}
		if err := <-sent; err != nil {
			t.Errorf("%s: got a context with %v, want one that has not ended", name, err)
		}
	}
}

// B4
func TestSweepsUntilItIsToldToStop(t *testing.T) {
	app := quiet()
	swept := 0
	err := recipes.Serve(app, "127.0.0.1:0", http.NotFoundHandler(), func(context.Context) error {
		swept++
		app.Stop(nil)
		return errDown // which is reported, and ends nothing
	})
	if err != nil || swept != 1 {
		t.Errorf("got %v after %d sweeps, want nil after 1", err, swept)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		swept := 0
		SweepByHand(ctx, func(context.Context) error {
			swept++
			return nil
		})
		time.Sleep(time.Minute + time.Second)
		stop()
		synctest.Wait()
		if swept != 1 {
			t.Errorf("by hand: got %d sweeps, want 1", swept)
		}
	})
	if err := ServeByHand(&http.Server{Addr: "no such address"}); err == nil {
		t.Error("by hand: got nil, want that it cannot listen")
	}
}

// B1
func TestJobsOfATenantRunOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, running := quiet(), make(map[string]int)
		x := recipes.Reindexer{Reindex: func(_ context.Context, tenant string) error {
			if running[tenant]++; running[tenant] > 1 {
				t.Errorf("%d jobs of %s at once", running[tenant], tenant)
			}
			time.Sleep(time.Second)
			running[tenant]--
			return nil
		}}
		mux := http.NewServeMux()
		mux.Handle("POST /{tenant}", creche.Handler(x.Start))
		for range 3 {
			if code, _ := do(app.Middleware(mux), http.MethodPost, "/acme"); code != http.StatusAccepted {
				t.Errorf("got %d, want 202", code)
			}
		}
		time.Sleep(4 * time.Second)
	})
}

// B2
func TestAConsumerThatGivesUpStopsTheApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, runs := creche.New(creche.Options{IgnoreSignals: true, Logger: slog.New(slog.DiscardHandler)}), 0
		if err := recipes.Consume(app, func(context.Context) error {
			runs++
			return errDown
		}); err != nil {
			t.Fatal(err)
		}
		err := app.Serve(t.Context(), nurserytest.Listen(), http.NotFoundHandler())
		if _, gaveUp := errors.AsType[*nursery.GaveUp](err); !gaveUp || runs != 6 {
			t.Errorf("Serve: got %v after %d runs, want that it gave up after 6", err, runs)
		}
	})
}

// B4: a database that is away for a night stops nothing.
func TestAPeriodicJobOutlastsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported []string
		app := creche.New(creche.Options{IgnoreSignals: true, Observe: func(_ context.Context, r nursery.Report) {
			reported = append(reported, r.String())
		}, Logger: slog.New(slog.DiscardHandler)})
		ctx, stop := context.WithCancel(t.Context())
		runs, clean := 0, 0
		recipes.Clean(app, func(context.Context) error {
			if runs++; runs > 10 && runs <= 10+8*60 {
				return errDown
			}
			if clean++; clean == 20 {
				stop()
			}
			return nil
		})
		err := app.Serve(ctx, nurserytest.Listen(), http.NotFoundHandler())
		if err != nil || clean != 20 || len(reported) != 8*60 {
			t.Fatalf("got %v, %d clean runs and %d reports, want nil, 20 and 480", err, clean, len(reported))
		}
		if want := "nursery service cleaner: task clean up: " + errDown.Error(); reported[0] != want {
			t.Errorf("got report %q, want %q", reported[0], want)
		}
	})
}

// N17
func TestABatchIsFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := 0
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(recipes.Batches(func(context.Context) error {
				time.Sleep(time.Second)
				done++
				return nil
			}))
			time.Sleep(1500 * time.Millisecond) // in the midst of the first
			n.Drain(time.Minute)
			return nil
		})
		if err != nil || done != 1 {
			t.Errorf("got %v and %d batches, want the one that had begun", err, done)
		}
	})
}

// N15
func TestALockIsGivenBack(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	err := recipes.Release(gone, func(ctx context.Context) error { return ctx.Err() })
	if err != nil {
		t.Errorf("got %v, want a context that has not ended", err)
	}
}
