package websocket_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
)

// ring wraps one error, knot several: itself, for instance.
type (
	ring struct{ next error }
	knot struct{ kids []error }
)

func (*ring) Error() string     { return "ring" }
func (r *ring) Unwrap() error   { return r.next }
func (*knot) Error() string     { return "knot" }
func (k *knot) Unwrap() []error { return k.kids }

// endless are errors in which package errors would search for ever, or until
// the stack is full.
func endless() map[string]error {
	r, k := new(ring), new(knot)
	r.next = &ring{r}
	k.kids = []error{errPlain, k, &ring{k}}
	return map[string]error{"a ring": r, "branches that are a ring": k}
}

// W3: whoever fails with it, the peer is told that, and it is reported.
func TestErrorsThatNeverEnd(t *testing.T) {
	tests := []struct {
		name    string
		f       func(bad error) connFunc
		act     func(s *site, p *peer, bad error)
		code    websocket.Code
		reports int
	}{
		{"of the function", returns, nil, 1011, 1},
		{"of a task", taskReturns, nil, 1011, 1},
		{"in a problem", func(bad error) connFunc {
			return returns(&errorhandlers.Problem{Status: 409, Err: bad})
		}, nil, 1008, 0},
		{"in a problem with a close code", func(bad error) connFunc {
			return taskReturns(&errorhandlers.Problem{Status: 409, CloseCode: 4007, Err: bad})
		}, nil, 4007, 0},
		{"after another failure", func(bad error) connFunc {
			return func(ctx context.Context, c *websocket.Conn) error {
				c.Go(func(ctx context.Context) error {
					<-ctx.Done()
					return bad
				})
				return errPlain
			}
		}, nil, 1011, 2},
		{"the connection is cancelled with it, and the function goes on to receive", func(bad error) connFunc {
			return func(ctx context.Context, c *websocket.Conn) error {
				nursery.From(ctx).Cancel(bad)
				_, err := c.Receive(ctx)
				return err
			}
		}, nil, 1011, 1},
		{"the function receives when it was closed", func(bad error) connFunc {
			return func(ctx context.Context, c *websocket.Conn) error {
				nursery.From(ctx).Cancel(bad)
				c.Close(4001, "")
				_, err := c.Receive(ctx)
				return err
			}
		}, nil, 1011, 1},
		{"what is around is cancelled with it", func(error) connFunc { return forget }, func(s *site, _ *peer, bad error) { s.above.Cancel(bad) }, 1011, 0},
		{"of the function, after what is around was cancelled", func(bad error) connFunc {
			return func(ctx context.Context, _ *websocket.Conn) error {
				<-ctx.Done()
				return bad
			}
		}, func(s *site, _ *peer, _ error) { s.above.Cancel(errPlain) }, 1011, 1},
		{"of the function, after the peer left", func(bad error) connFunc {
			return func(ctx context.Context, _ *websocket.Conn) error {
				<-ctx.Done()
				return bad
			}
		}, func(_ *site, p *peer, _ error) { p.close(4001, "") }, 4001, 1},
		{"the peer leaves too, before the function receives", func(bad error) connFunc {
			return func(ctx context.Context, c *websocket.Conn) error {
				nursery.From(ctx).Cancel(bad)
				time.Sleep(time.Second)
				_, err := c.Receive(ctx)
				return err
			}
		}, func(_ *site, p *peer, _ error) { p.close(4001, "") }, 1011, 1},
	}
	for _, tt := range tests {
		for name, bad := range endless() {
			inBubbles(t, tt.name+", "+name, func(t *testing.T, o *websocket.Options) {
				s := serve(t, o, tt.f(bad))
				p := dial(t, s.Server)
				synctest.Wait()
				if tt.act != nil {
					tt.act(s, p, bad)
				}
				p.wantEnd(tt.code)
				s.finish()
				if got := s.reports(); len(got) != tt.reports {
					t.Errorf("got reports %q, want %d", got, tt.reports)
				}
			})
		}
	}
}

// W3: an error that wraps nothing but itself, or nothing at all, is no less of one.
func TestErrorsWithoutLeaves(t *testing.T) {
	barren := new(knot)
	barren.kids = []error{barren, &ring{barren}}
	for name, bad := range map[string]error{"that hold themselves": barren, "that are empty": &nursery.MultiError{}} {
		for of, f := range map[string]connFunc{"of the function": returns(bad), "of a task": taskReturns(bad)} {
			inBubbles(t, name+", "+of, func(t *testing.T, o *websocket.Options) {
				s := serve(t, o, f)
				dial(t, s.Server).wantEnd(1011)
				s.finish()
				if got := s.reports(); len(got) != 1 || got[0] != bad {
					t.Errorf("got reports %v, want the error", got)
				}
			})
		}
	}
}

// W3: a problem is one also when some of what it wraps says no more than that the
// messages have ended.
func TestAProblemWithAnEndInIt(t *testing.T) {
	bad := &errorhandlers.Problem{Status: 409, CloseCode: 4007, Err: errors.Join(errPlain, websocket.ErrEnd)}
	for of, f := range map[string]connFunc{"of the function": returns(bad), "of a task": taskReturns(bad)} {
		inBubbles(t, of, func(t *testing.T, o *websocket.Options) {
			s := serve(t, o, f)
			dial(t, s.Server).wantEnd(4007)
			s.finish()
			if got := s.reports(); len(got) != 0 {
				t.Errorf("got reports %v, want none", got)
			}
		})
	}
}

// R5: also what is around a request that is not of an application.
func TestACauseThatNeverEndsOutsideAnyMiddleware(t *testing.T) {
	for name, bad := range endless() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					ctx, cancel := context.WithCancelCause(r.Context())
					err := websocket.Serve(w, r.WithContext(ctx), nil, func(ctx context.Context, _ *websocket.Conn) error {
						cancel(bad)
						<-ctx.Done()
						return context.Cause(ctx)
					})
					if err != nil {
						t.Errorf("got %v, want nil", err)
					}
				}))
				dial(t, s).wantEnd(websocket.InternalError)
			})
		})
	}
}
