package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// shy is a context whose Value panics once it has been touched: as one does
// that takes every key for a string, or whose values are a request's that is over.
type shy struct {
	context.Context
	touched atomic.Bool
	looked  atomic.Int64 // how often that happened
}

func (c *shy) Value(key any) any {
	if c.touched.Load() {
		c.looked.Add(1)
		panic(errShy)
	}
	return c.Context.Value(key)
}

var errShy = errors.New("do not touch")

// A context whose Value panics, where it is asked in a goroutine that is nobody's
// to recover in, costs what was asked for and no more.
//
// N9
func TestAContextWhoseValuePanics(t *testing.T) {
	tests := []struct {
		name string
		run  func(ctx *shy, end func()) error
		want error
	}{
		{"a task that fails", func(ctx *shy, _ func()) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(func(context.Context) error { ctx.touched.Store(true); return errA })
				return nil
			}, nursery.Isolate())
		}, nil},
		{"a task that fails in a nursery below", func(ctx *shy, _ func()) error {
			return nursery.Run(ctx, func(ctx2 context.Context, _ *nursery.Nursery) error {
				return nursery.Run(ctx2, func(_ context.Context, n *nursery.Nursery) error {
					n.Go(func(context.Context) error { ctx.touched.Store(true); return errA })
					return nil
				}, nursery.Isolate())
			})
		}, nil},
		{"a task that panics", func(ctx *shy, _ func()) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(func(context.Context) error { ctx.touched.Store(true); panic(errA) })
				return nil
			}, nursery.OnPanic(nursery.ReturnPanics))
		}, errA},
		{"a task that exits", func(ctx *shy, _ func()) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(func(context.Context) error { ctx.touched.Store(true); return exiting(ctx) })
				return nil
			}, nursery.Isolate())
		}, nil},
		{"a task that asks for a value", func(ctx *shy, _ func()) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(func(ctx2 context.Context) error {
					ctx.touched.Store(true)
					_ = ctx2.Value("a key")
					return nil
				})
				return nil
			}, nursery.OnPanic(nursery.ReturnPanics))
		}, errShy},
		{"a task with a name", func(ctx *shy, _ func()) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				ctx.touched.Store(true)
				n.Go(failing(errA), nursery.Name("named"))
				return nil
			})
		}, errA},
		{"a task with a name on a worker", func(ctx *shy, _ func()) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(func(context.Context) error { time.Sleep(time.Second); ctx.touched.Store(true); return nil })
				n.Go(succeeds, nursery.Name("named"))
				n.Go(failing(errA))
				return nil
			}, nursery.Limit(1))
		}, errA},
		{"the parent's end", func(ctx *shy, end func()) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(waits)
				synctest.Wait()
				ctx.touched.Store(true)
				end()
				return nil
			})
		}, context.Canceled},
		{"the parent's end with a task queued", func(ctx *shy, end func()) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(ignores)
				n.Go(succeeds)
				synctest.Wait()
				ctx.touched.Store(true)
				end()
				return nil
			}, nursery.Limit(1))
		}, context.Canceled},
		{"the parent's end that a drain finds", func(ctx *shy, end func()) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(ignores)
				n.Drain(time.Second)
				synctest.Wait()
				ctx.touched.Store(true)
				end()
				time.Sleep(2 * time.Second)
				return n.Tree().Cause
			})
		}, context.Canceled},
		{"an echo of the parent's end", func(ctx *shy, end func()) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(func(context.Context) error { time.Sleep(time.Second); return errors.Join(context.Canceled, errA) })
				ctx.touched.Store(true)
				end()
				return nil
			})
		}, errA},
		{"the parent's end below a scope in time", func(ctx *shy, end func()) error {
			return nursery.FailAfter(ctx, time.Hour, func(ctx2 context.Context) error {
				nursery.MoveDeadline(ctx2, time.Now().Add(time.Minute))
				time.AfterFunc(time.Second, func() { ctx.touched.Store(true); end() })
				<-ctx2.Done()
				ctx.touched.Store(false) // who asks here is the caller
				return ctx2.Err()
			})
		}, context.Canceled},
		{"the return of a scope in time", func(ctx *shy, _ func()) error {
			return nursery.FailAfter(ctx, time.Hour, func(context.Context) error { ctx.touched.Store(true); return errA })
		}, errA},
		{"a Start that is ready", func(ctx *shy, _ func()) error {
			return nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
				_, err := nursery.Start(ctx, n, func(_ context.Context, ready func(int)) error {
					time.Sleep(time.Second)
					ctx.touched.Store(true)
					ready(1)
					return errA
				})
				return err
			})
		}, errA},
		{"the end of a Start", func(ctx *shy, end func()) error {
			return nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
				time.AfterFunc(time.Second, func() { ctx.touched.Store(true); end() })
				_, err := nursery.Start(ctx, n, func(ctx2 context.Context, _ func(int)) error {
					<-ctx2.Done()
					ctx.touched.Store(false)
					return errA
				})
				return err
			})
		}, errA},
		{"a list of what is alive", func(ctx *shy, _ func()) error {
			return nursery.Run(context.Background(), func(_ context.Context, outer *nursery.Nursery) error {
				return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
					n.Go(ignores)
					synctest.Wait()
					ctx.touched.Store(true)
					if got := outer.Tree(); len(got.Below) > 0 {
						return fmt.Errorf("got %v", got)
					}
					return errA
				})
			})
		}, errA},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := logging(t)
				inner, end := context.WithCancel(t.Context())
				defer end()
				ctx := &shy{Context: inner}
				if got := tt.run(ctx, end); !nursery.Is(got, tt.want) {
					t.Errorf("got %v, want %v", got, tt.want)
				}
				if ctx.looked.Load() == 0 || !strings.Contains(log(), errShy.Error()) {
					t.Errorf("got it asked %d times and the log %q, want that it tells of the panic", ctx.looked.Load(), log())
				}
			})
		})
	}
}

// logging has the default logger write to what it returns, with a handler that
// asks for values.
func logging(t *testing.T) (log func() string) {
	t.Helper()
	var b strings.Builder
	before := slog.Default()
	slog.SetDefault(slog.New(asking{slog.NewTextHandler(&b, nil)}))
	t.Cleanup(func() { slog.SetDefault(before) })
	return func() string { synctest.Wait(); return b.String() }
}

type asking struct{ slog.Handler }

func (h asking) Handle(ctx context.Context, r slog.Record) error {
	_ = ctx.Value("trace")
	return h.Handler.Handle(ctx, r)
}

// What is to be reported is in the log though its handler cannot ask for values.
//
// N9
func TestAReportUnderAContextWhoseValuePanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logging(t)
		ctx := &shy{Context: t.Context()}
		_ = nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(context.Context) error { ctx.touched.Store(true); return io.ErrShortBuffer })
			return nil
		}, nursery.Isolate())
		if got := log(); strings.Count(got, io.ErrShortBuffer.Error()) != 1 {
			t.Errorf("got %q, want the failure in it, once", got)
		}
	})
}

// bitter is an error whose every method panics.
type bitter struct{ pad int }

func (*bitter) Error() string { panic("Error") }
func (*bitter) Unwrap() error { panic("Unwrap") }
func (*bitter) Is(error) bool { panic("Is") }
func (*bitter) As(any) bool   { panic("As") }

// N3, N9
func TestAnErrorWhoseMethodsPanic(t *testing.T) {
	bad := &bitter{1}
	fails := func(context.Context) error { return bad }
	late := func(ctx context.Context) error { <-ctx.Done(); return bad }
	tests := []struct {
		name string
		run  func(ctx context.Context) error
		want bool // it is returned
	}{
		{"of a task", func(ctx context.Context) error { return nursery.Run(ctx, starts(fails)) }, true},
		{"of several tasks", func(ctx context.Context) error { return nursery.Run(ctx, starts(fails, late, late)) }, true},
		{"joined with an echo", func(ctx context.Context) error {
			return nursery.Run(ctx, starts(failing(errA), func(ctx context.Context) error { return errors.Join(ctx.Err(), late(ctx)) }))
		}, true},
		{"raised", func(ctx context.Context) error {
			return nursery.Run(ctx, starts(panicking(bad)), nursery.OnPanic(nursery.ReturnPanics))
		}, true},
		{"of an isolated task", func(ctx context.Context) error { return nursery.Run(ctx, starts(fails), nursery.Isolate()) }, false},
		{"as a cause", func(ctx context.Context) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(waitsForCause, nursery.Name("named"))
				n.Cancel(bad)
				_ = n.Tree().String()
				return nil
			})
		}, false},
		{"of a helper", func(ctx context.Context) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error { n.Go(late, nursery.Helper()); return nil })
		}, true},
		{"of a critical task", func(ctx context.Context) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(fails, nursery.Critical())
				return nil
			}, nursery.OnCritical(func(f nursery.Failure) { panic(f.Err) }))
		}, true},
		{"in a time that is up", func(ctx context.Context) error { return nursery.FailAfter(ctx, time.Second, late) }, true},
		{"of a Start", func(ctx context.Context) error {
			return nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
				_, err := nursery.Start(ctx, n, func(context.Context, func(int)) error { return bad })
				return err
			})
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_ = logging(t)
				err := tt.run(t.Context())
				if found, _ := nursery.AsType[*bitter](err); (found == bad) != tt.want {
					t.Errorf("got %T, want it in there: %v", err, tt.want)
				}
				if err != nil {
					_ = (nursery.Report{Failure: nursery.Failure{Err: err}}).String()
				}
			})
		})
	}
}
