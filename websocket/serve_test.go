package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	"github.com/creche-go/creche/websocket"
)

type soldOut struct{ SKU string }

func (e *soldOut) Error() string { return "secret: " + e.SKU + " is sold out" }

var (
	errPlain = errors.New("secret")
	rules    = []errorhandlers.Rule{
		errorhandlers.Translate(func(e *soldOut) error {
			return &errorhandlers.Problem{Status: http.StatusConflict, CloseCode: 4009, CloseReason: e.SKU}
		}),
		errorhandlers.TranslateIs(websocket.ErrTooBig, func(error) error {
			return &errorhandlers.Problem{Status: 413, CloseCode: 4013}
		}),
	}
)

func returns(err error) connFunc {
	return func(context.Context, *websocket.Conn) error { return err }
}

func taskReturns(err error) connFunc {
	return func(ctx context.Context, c *websocket.Conn) error {
		c.Go(func(context.Context) error { return err })
		<-ctx.Done()
		return context.Cause(ctx)
	}
}

func problem(status int, detail string) error {
	return fmt.Errorf("secret: %w", &errorhandlers.Problem{Status: status, Detail: detail})
}

func closed(code websocket.Code, reason string) error {
	return &websocket.CloseError{Code: code, Reason: reason}
}

// W3
func TestTheCloseCodeSaysHowTheConnectionEnded(t *testing.T) {
	var syntax = func() error { return websocket.Text("{").Decode(new(int)) }
	several := func(errs ...error) error {
		return nursery.Run(context.Background(), func(context.Context, *nursery.Nursery) error { return errors.Join(errs...) })
	}
	tests := []struct {
		name    string
		f       connFunc
		code    websocket.Code
		reason  string
		reports int
	}{
		{"nil", returns(nil), 1000, "", 0},
		{"an unknown error", returns(errPlain), 1011, "", 1},
		{"an unknown error of a task", taskReturns(errPlain), 1011, "", 1},
		{"a panic", func(context.Context, *websocket.Conn) error { panic("secret") }, 1011, "", 1},
		{"a panic of a task", func(ctx context.Context, c *websocket.Conn) error {
			c.Go(func(context.Context) error { panic("secret") })
			<-ctx.Done()
			return nil
		}, 1011, "", 1},
		{"a panic that aborts", func(context.Context, *websocket.Conn) error { panic(http.ErrAbortHandler) }, 1006, "", 0},
		{"JSON that is none", returns(syntax()), 1007, "invalid JSON", 0},
		{"JSON that is decoded into what is no pointer", returns(websocket.Text("{}").Decode(struct{}{})), 1011, "", 1},
		{"JSON that is decoded into nil", returns(websocket.Text("{}").Decode(nil)), 1011, "", 1},
		{"a translated error", returns(&soldOut{"tea"}), 4009, "tea", 0},
		{"a translated error of a task", taskReturns(&soldOut{"tea"}), 4009, "tea", 0},
		{"a problem with a close code", returns(&errorhandlers.Problem{Status: 403, CloseCode: 4003, Detail: "no"}), 4003, "no", 0},
		{"a problem of 4xx", returns(problem(404, "no such room")), 1008, "no such room", 0},
		{"a problem of 413", returns(problem(413, "")), 1009, "", 0},
		{"a problem of 5xx", returns(problem(502, "upstream")), 1011, "upstream", 1},
		{"a body too large", returns(&http.MaxBytesError{Limit: 1}), 1009, "", 0},
		{"a close of its own", returns(closed(4001, "bye")), 4001, "bye", 0},
		{"a close of a task", taskReturns(closed(4001, "bye")), 4001, "bye", 0},
		{"a normal close of its own", returns(closed(1000, "bye")), 1000, "bye", 0},
		{"the stop", returns(creche.ErrShutdown), 1001, "", 0},
		{"no more messages", returns(fmt.Errorf("reading: %w", websocket.ErrEnd)), 1000, "", 0},
		{"end of some file", returns(io.EOF), 1011, "", 1},
		{"several: the first that has an answer", returns(several(errPlain, problem(404, "a"), problem(409, "b"))), 1008, "a", 2},
		{"several: a close code among them", returns(several(errPlain, closed(4001, "bye"))), 4001, "bye", 1},
		{"several without an answer", returns(several(errPlain, io.ErrUnexpectedEOF)), 1011, "", 2},
		{"Close", func(ctx context.Context, c *websocket.Conn) error {
			c.Close(4004, "go")
			c.Close(4005, "again")
			_, err := c.Receive(ctx)
			return err
		}, 4004, "go", 0},
		{"Close, then an error", func(_ context.Context, c *websocket.Conn) error {
			c.Close(4004, "go")
			return errPlain
		}, 4004, "go", 1},
		{"the nursery is cancelled", func(ctx context.Context, _ *websocket.Conn) error {
			nursery.From(ctx).Cancel(nil)
			return nil
		}, 1000, "", 0},
	}
	for _, tt := range tests {
		inBubbles(t, tt.name, func(t *testing.T, o *websocket.Options) {
			s := serve(t, o, tt.f, rules...)
			code, reason := dial(t, s.Server).end()
			if code != tt.code || reason != tt.reason {
				t.Errorf("closed with %v %q, want %v %q", code, reason, tt.code, tt.reason)
			}
			s.finish()
			if got := s.reports(); len(got) != tt.reports {
				t.Errorf("got reports %q, want %d", got, tt.reports)
			}
		})
	}
}

// W3
func TestCodesAndReasonsThatMayNotBeSent(t *testing.T) {
	long := strings.Repeat("x", 121) + "€" // the rune begins at 121 and ends at 124
	tests := []struct {
		name   string
		code   websocket.Code
		reason string
		want   websocket.Code
		text   string
	}{
		{"no code", 0, "", 1011, ""},
		{"below 1000", 999, "", 1011, ""},
		{"reserved", 1004, "", 1011, ""},
		{"no status", 1005, "", 1011, ""},
		{"abnormal", 1006, "", 1011, ""},
		{"TLS", 1015, "", 1011, ""},
		{"reserved for the protocol", 2999, "", 1011, ""},
		{"for libraries", 3000, "", 3000, ""},
		{"the last", 4999, "", 4999, ""},
		{"above", 5000, "", 1011, ""},
		{"more than 16 bits", 1000 + 1<<16, "", 1011, ""},
		{"negative", -1, "", 1011, ""},
		{"the longest reason", 1000, long[:123-2] + "ab", 1000, long[:121] + "ab"},
		{"cut between runes", 1000, long, 1000, long[:121]},
		{"a long reason of one rune each", 1000, strings.Repeat("€", 50), 1000, strings.Repeat("€", 41)},
		{"not UTF-8", 1000, "a\xffb", 1000, "a\uFFFDb"},
		{"not UTF-8 and long", 1000, strings.Repeat("\x80a", 100), 1000, strings.Repeat("\uFFFDa", 30) + "\uFFFD"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, nil, returns(closed(tt.code, tt.reason)))
				code, text := dial(t, s.Server).end()
				if code != tt.want || text != tt.text {
					t.Errorf("got %v %q, want %v %q", code, text, tt.want, tt.text)
				}
			})
		})
	}
}

// W3
func TestATranslationMayGiveOurOwnEndsAnotherCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &websocket.Options{ReadLimit: 3}, echo, rules...)
		p := dial(t, s.Server)
		p.text("four")
		p.wantEnd(4013)
	})
}

// W1
func TestSiblings(t *testing.T) {
	tests := []struct {
		name string
		f    func(ctx context.Context, c *websocket.Conn, cancelled func(error)) error
		want error // what the cancelled one finds as the cause
	}{
		{"a failing task cancels the function", func(ctx context.Context, c *websocket.Conn, cancelled func(error)) error {
			c.Go(func(context.Context) error { return errPlain })
			<-ctx.Done()
			cancelled(context.Cause(ctx))
			return context.Cause(ctx)
		}, errPlain},
		{"a failing function cancels the tasks", func(_ context.Context, c *websocket.Conn, cancelled func(error)) error {
			c.Go(func(ctx context.Context) error {
				<-ctx.Done()
				cancelled(context.Cause(ctx))
				return context.Cause(ctx)
			})
			return errPlain
		}, errPlain},
		{"a failing task cancels one that sends", func(ctx context.Context, c *websocket.Conn, cancelled func(error)) error {
			c.Go(func(context.Context) error { return errPlain })
			for {
				if err := c.Send(ctx, websocket.Text("x")); err != nil {
					cancelled(err)
					return err
				}
			}
		}, errPlain},
		{"a failing task cancels one that receives", func(ctx context.Context, c *websocket.Conn, cancelled func(error)) error {
			c.Go(func(context.Context) error { return errPlain })
			_, err := c.Receive(ctx)
			cancelled(err)
			return err
		}, errPlain},
	}
	for _, tt := range tests {
		inBubbles(t, tt.name, func(t *testing.T, o *websocket.Options) {
			var got error
			s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
				return tt.f(ctx, c, func(cause error) { got = cause })
			})
			dial(t, s.Server).wantEnd(websocket.InternalError)
			s.finish()
			if !errors.Is(got, tt.want) {
				t.Errorf("got cause %v, want %v", got, tt.want)
			}
			if got := s.reports(); len(got) != 1 {
				t.Errorf("got reports %q, want one: the others are echoes", got)
			}
		})
	}
}

// W1
func TestTheCloseFrameDoesNotWaitForTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		returned := false
		s := serve(t, nil, func(_ context.Context, c *websocket.Conn) error {
			c.Go(func(context.Context) error {
				<-release // deaf to its cancellation
				return nil
			})
			returned = true
			return nil
		})
		p, began := dial(t, s.Server), time.Now()
		p.wantEnd(websocket.NormalClosure) // the connection is closed, too
		if got := time.Since(began); got != 0 || !returned {
			t.Errorf("closed after %v, want at once", got)
		}
		close(release)
	})
}

// W1, W2
func TestASilentPeerIsAborted(t *testing.T) {
	for _, f := range []struct {
		name string
		f    connFunc
	}{
		{"after the function returned", returns(nil)},
		{"while the function still runs", func(_ context.Context, c *websocket.Conn) error {
			c.Close(websocket.NormalClosure, "")
			time.Sleep(time.Hour)
			return nil
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, nil, f.f)
				p, began := dial(t, s.Server), time.Now()
				p.want(opClose, "\x03\xe8")
				if _, _, err := p.next(); err == nil || time.Since(began) != 2*time.Second {
					t.Errorf("got %v after %v, want the end after 2s", err, time.Since(began))
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

// W1
func TestThePeersLeavingDoesNotWaitForAForgetfulFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, func(context.Context, *websocket.Conn) error {
			time.Sleep(time.Hour)
			return nil
		})
		p, began := dial(t, s.Server), time.Now()
		p.close(4000, "bye")
		code, reason := p.end()
		if code != 4000 || reason != "bye" || time.Since(began) != 0 {
			t.Errorf("got %v %q after %v, want the peer's own at once", code, reason, time.Since(began))
		}
		time.Sleep(time.Hour)
	})
}

// W1
func TestThousandsOfConnectionsLeaveNothing(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 500
	}
	synctest.Test(t, func(t *testing.T) {
		var rooms websocket.Rooms
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			rooms.Join(c, "all").Broadcast(websocket.Text("hello"))
			return echo(ctx, c)
		})
		for i := range n {
			p := dial(t, s.Server)
			p.want(opText, "hello")
			if i%2 == 0 {
				p.close(1000, "")
			}
			p.conn.Close()
			synctest.Wait()
		}
		if got := rooms.To("all").Len(); got != 0 {
			t.Errorf("got %d members, want none", got)
		}
		if got := s.reports(); len(got) > 0 {
			t.Errorf("got reports %q, want none: peers leave", got)
		}
	})
}

// W1
func TestAGoexitOfTheFunctionClosesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, func(context.Context, *websocket.Conn) error {
			exit()
			return nil
		})
		dial(t, s.Server).wantEnd(websocket.InternalError)
	})
}

func TestServeOutsideAnyMiddleware(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		code   websocket.Code
		reason string
		logged int
	}{
		{"a problem", errors.Join(problem(404, "no such room")), 1008, "no such room", 0},
		{"a problem of ours", problem(500, "sorry"), 1011, "sorry", 1},
		{"an unknown error", errPlain, 1011, "", 1},
		{"a close", closed(4000, "bye"), 4000, "bye", 0},
		{"several", errors.Join(errPlain, closed(4000, "bye")), 4000, "bye", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := logged(t)
				s := bare(t, returns(tt.err))
				code, reason := dial(t, s).end()
				if code != tt.code || reason != tt.reason {
					t.Errorf("got %v %q, want %v %q", code, reason, tt.code, tt.reason)
				}
				s.Close()
				if got := strings.Count(log.String(), "secret"); got != tt.logged {
					t.Errorf("logged %q, want %d records", log, tt.logged)
				}
			})
		})
	}
}

func TestServeWithoutAFunction(t *testing.T) {
	defer func() {
		if got := recover(); got != "websocket: Serve: nil function" {
			t.Errorf("got panic %v", got)
		}
	}()
	_ = websocket.Serve(nil, nil, nil, nil)
}

// W3
func TestLateFailuresAreReported(t *testing.T) {
	late := func(err error) connFunc {
		return func(ctx context.Context, c *websocket.Conn) error {
			c.Go(func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second)
				return fmt.Errorf("late: %w", errors.Join(err, context.Cause(ctx)))
			})
			if _, err := c.Receive(ctx); err != nil {
				return err
			}
			return errPlain
		}
	}
	tests := []struct {
		name    string
		f       connFunc
		leave   func(p *peer)
		reports []string
	}{
		{"after the peer left", late(io.ErrNoProgress), func(p *peer) { p.close(1000, "") }, []string{io.ErrNoProgress.Error()}},
		{"after the peer vanished", late(io.ErrNoProgress), func(p *peer) { p.conn.Close() }, []string{io.ErrNoProgress.Error()}},
		{"after another failure", late(io.ErrNoProgress), func(p *peer) { p.text("fail") }, []string{"secret", io.ErrNoProgress.Error()}},
		{"an end that came too late", late(closed(4001, "")), func(p *peer) { p.close(1000, "") }, nil},
		{"of the function, after the peer left", func(ctx context.Context, _ *websocket.Conn) error {
			<-ctx.Done()
			return errPlain
		}, func(p *peer) { p.close(1000, "") }, []string{"secret"}},
		{"a panic is reported once", func(ctx context.Context, _ *websocket.Conn) error {
			<-ctx.Done()
			panic("ouch")
		}, func(p *peer) { p.close(1000, "") }, []string{"nursery: panic: ouch"}},
	}
	for _, tt := range tests {
		inBubbles(t, tt.name, func(t *testing.T, o *websocket.Options) {
			s := serve(t, o, tt.f)
			p := dial(t, s.Server)
			tt.leave(p)
			p.end()
			s.finish()
			var got []string
			for _, err := range s.reports() {
				line, _, _ := strings.Cut(err.Error(), "\n")
				got = append(got, strings.TrimPrefix(line, "late: "))
			}
			if !slices.Equal(got, tt.reports) {
				t.Errorf("got reports %q, want %q", got, tt.reports)
			}
		})
	}
}

// W3
func TestTheEndOfTheRequestForAnotherReason(t *testing.T) {
	inBubbles(t, "", func(t *testing.T, o *websocket.Options) {
		s := serve(t, o, forget)
		p := dial(t, s.Server)
		synctest.Wait()
		s.above.Cancel(errPlain)
		p.wantEnd(websocket.InternalError)
	})
}

// net/http looks out for a client that leaves until the connection is taken
// over, and may see it after the answer.
//
// W4
func TestAPeerThatVanishesAtTheUpgrade(t *testing.T) {
	app := creche.New(creche.Options{})
	for _, around := range []func(http.Handler) http.Handler{
		app.Middleware,
		func(next http.Handler) http.Handler { return next },
	} {
		synctest.Test(t, func(t *testing.T) {
			var cause error
			h := around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = upgrade(w, r, nil, func(ctx context.Context, _ *websocket.Conn) error {
					<-ctx.Done()
					cause = context.Cause(ctx)
					return ctx.Err()
				})
			}))
			s := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, gone := context.WithCancel(r.Context())
				defer time.AfterFunc(time.Second, gone).Stop()
				h.ServeHTTP(w, r.WithContext(ctx))
			}))
			dial(t, s).end()
			s.Close()
			var e *websocket.CloseError
			if !errors.As(cause, &e) || e.Code != websocket.Abnormal {
				t.Errorf("got cause %v, want 1006", cause)
			}
		})
	}
}

func TestMisuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rooms websocket.Rooms
		s := serve(t, nil, func(_ context.Context, c *websocket.Conn) error {
			var none context.Context
			for _, misuse := range []struct {
				want string
				call func()
			}{
				{"websocket: Conn.Go: nil task", func() { c.Go(nil) }},
				{"websocket: Conn.Receive: nil context", func() { _, _ = c.Receive(none) }},
				{"websocket: Conn.Send: nil context", func() { _ = c.Send(none, websocket.Message{}) }},
				{"websocket: Rooms.Join: nil connection", func() { rooms.Join(nil, "") }},
				{"websocket: Rooms.Join: nil connection", func() { rooms.JoinAs(nil, "", "me") }},
				{"websocket: Room.Send: nil context", func() { _ = rooms.To("").Send(none, websocket.Message{}) }},
			} {
				func() {
					defer func() {
						if got := recover(); got != misuse.want {
							t.Errorf("got panic %v, want %q", got, misuse.want)
						}
					}()
					misuse.call()
				}()
			}
			return nil
		})
		dial(t, s.Server).wantEnd(1000)
	})
}

// A task that comes too late is told so in words of this package.
func TestGoAfterTheEnd(t *testing.T) {
	const want = "websocket: Conn.Go after the connection ended: start what belongs to it from its function or its tasks, and what outlives it with creche.Go"
	for name, opts := range map[string][]nursery.TaskOption{"a task": nil, "a helper": {nursery.Helper()}} {
		for _, detach := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				raised := make(chan any, 1)
				o := &websocket.Options{Detach: detach, OnClose: func(c *websocket.Conn, _ *websocket.CloseError) {
					defer func() { raised <- recover() }()
					c.Go(func(context.Context) error { t.Error("it ran"); return nil }, opts...)
				}}
				s := serve(t, o, returns(nil))
				dial(t, s.Server).wantEnd(1000)
				if got := <-raised; got != want {
					t.Errorf("%s, Detach %v: got panic %v, want %q", name, detach, got, want)
				}
			})
		}
	}
}

func TestCloseErrorText(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{closed(1001, ""), "websocket: closed with 1001 going away"},
		{closed(4001, "bye"), `websocket: closed with 4001: "bye"`},
		{&websocket.CloseError{Code: 1007, Err: io.EOF}, "websocket: closed with 1007 invalid payload: EOF"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
