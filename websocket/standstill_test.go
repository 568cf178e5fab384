package websocket_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/websocket"
)

// served dials a server whose function reads nothing.
func served(t *testing.T, o *websocket.Options) (*site, *peer, *websocket.Conn) {
	t.Helper()
	accepted := make(chan *websocket.Conn, 1)
	s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
		accepted <- c
		return forget(ctx, c)
	})
	p := dial(t, s.Server)
	return s, p, <-accepted
}

// standStill has the server of c stand still in a while, for so long. Its timers
// stand still with it, so that times are those without the stop, after which what
// is due is late.
func standStill(c *websocket.Conn, in, still time.Duration) {
	time.AfterFunc(in, func() {
		synctest.Wait()
		websocket.StandStill(c, still)
	})
}

// A server that stood still, as one that is traced or moved to another machine
// does, has yet to read what came meanwhile.
//
// W6
func TestAServerThatStoodStillTakesNobodyForDead(t *testing.T) {
	tests := []struct {
		name   string
		at     time.Duration // the server stops
		still  time.Duration
		again  bool          // once more before it looks again
		answer time.Duration // after the ping; 0: never
		code   websocket.Code
		took   time.Duration
	}{
		{"before a ping", 20 * time.Second, time.Hour, false, time.Second, 4000, time.Minute},
		{"while the answer is under way", 31 * time.Second, time.Hour, false, 10500 * time.Millisecond, 4000, time.Minute},
		{"of a peer that is dead", 31 * time.Second, time.Hour, false, 0, 1011, 50 * time.Second},
		{"of a peer that is dead, for a moment", 31 * time.Second, time.Second, false, 0, 1011, 41 * time.Second},
		{"again and again, of a peer that is dead", 31 * time.Second, time.Hour, true, 0, 1011, 50 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, p, c := served(t, nil)
				began := time.Now()
				standStill(c, tt.at, tt.still)
				if tt.again {
					standStill(c, tt.at+9500*time.Millisecond, tt.still)
				}
				if tt.code == 4000 {
					defer time.AfterFunc(tt.took, func() { p.close(4000, "") }).Stop()
				}
				_, code := p.pulses(func() {
					if tt.answer > 0 {
						time.Sleep(tt.answer)
						p.send(opPong, "")
					}
				})
				if took := time.Since(began); code != tt.code || took != tt.took {
					t.Errorf("closed with %v after %v, want %v after %v", code, took, tt.code, tt.took)
				}
			})
		})
	}
}

// A server that takes the time to read what came while it stood still does on time
// what else is due meanwhile.
//
// W3 W6
func TestAStandstillPutsNothingElseOff(t *testing.T) {
	t.Run("the last word is over", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, p, c := served(t, &websocket.Options{LastWord: 3 * time.Second})
			began := time.Now()
			time.AfterFunc(39*time.Second, func() { s.above.Drain(time.Hour) }) // the last word is over at 42s
			standStill(c, 39*time.Second, 1900*time.Millisecond)                // the answer was due at 40s, which is 41.9s
			_, code := p.pulses(func() {})
			if took := time.Since(began); code != websocket.GoingAway || took != 40100*time.Millisecond {
				t.Errorf("closed with %v after %v, want 1001 after 40.1s", code, took)
			}
		})
	})
	t.Run("a ping", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, p, c := served(t, &websocket.Options{PingEvery: time.Second, PongWithin: 20 * time.Second})
			standStill(c, 20*time.Second, time.Hour)
			time.AfterFunc(25*time.Second, func() { p.close(4000, "") })
			answer := 20500 * time.Millisecond // just after it was due
			at, code := p.pulses(func() {
				time.Sleep(answer)
				p.send(opPong, "")
				answer = 0
			})
			want := []time.Duration{1e9, 22.5e9, 23.5e9, 24.5e9}
			if code != 4000 || !slices.Equal(at, want) {
				t.Errorf("got pings at %v and %v, want them at %v and 4000", at, code, want)
			}
		})
	})
}

// Whoever has taken the time before the server looks whether an answer came, and
// tells it after, has heard it.
//
// W6
func TestAnAnswerIsHeardThatIsNotedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, c := served(t, nil)
		standStill(c, 31*time.Second, time.Hour)
		time.AfterFunc(40500*time.Millisecond, func() {
			synctest.Wait()
			websocket.Heard(c, time.Second)
		})
		time.AfterFunc(time.Minute, func() { p.close(4000, "") })
		if _, code := p.pulses(func() {}); code != 4000 {
			t.Errorf("closed with %v, want 4000", code)
		}
	})
}

// An application that had no time to receive, for the server stood still, has left
// nothing unread.
//
// W4 W6
func TestAServerThatStoodStillHasNotPausedForTooLong(t *testing.T) {
	tests := []struct {
		name  string
		every time.Duration // PingEvery
		still time.Duration
		read  time.Duration // when the application does
		code  websocket.Code
		took  time.Duration
	}{
		{"it reads as soon as it can", -1, time.Hour, 61 * time.Second, 4000, 100 * time.Second},
		{"it does not", -1, time.Hour, time.Hour, 1013, 70 * time.Second},
		{"it does not, and there are pings", time.Second, time.Hour, time.Hour, 1013, 41 * time.Second},
		{"the server stood still for a moment", -1, time.Second, 62 * time.Second, 1013, 61 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &websocket.Options{MaxPause: time.Minute, PingEvery: tt.every, Inbox: websocket.Bounds{Messages: 1}}
				var cause error
				accepted := make(chan *websocket.Conn, 1)
				s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
					accepted <- c
					select {
					case <-time.After(tt.read):
						return echo(ctx, c)
					case <-ctx.Done():
						cause = context.Cause(ctx)
						return nil
					}
				})
				p, began := dial(t, s.Server), time.Now()
				go func() {
					p.text("one")
					p.text("two")
				}()
				standStill(<-accepted, 30*time.Second, tt.still)
				if tt.code == 4000 {
					time.AfterFunc(tt.took, func() { p.close(4000, "") })
				}
				_, code := p.pulses(func() {})
				took := time.Since(began)
				s.finish()
				if code != tt.code || took != tt.took || errors.Is(cause, websocket.ErrUnread) != (code == 1013) {
					t.Errorf("closed with %v for %v after %v, want %v after %v", code, cause, took, tt.code, tt.took)
				}
			})
		})
	}
}

// A close timeout that is over when a server goes on that stood still may have been
// kept: what the peer sent meanwhile has yet to be read.
//
// W5
func TestAServerThatStoodStillReadsHowItsPeersClosed(t *testing.T) {
	tests := []struct {
		name       string
		late, read time.Duration
		in         bool
		took       time.Duration
	}{
		{"on time", 0, 0, true, 0},
		{"on time, and nothing came", 0, time.Second, false, 0},
		{"late, and it is read", 300 * time.Millisecond, 200 * time.Millisecond, true, 200 * time.Millisecond},
		{"late, and nothing came", 300 * time.Millisecond, 400 * time.Millisecond, false, 300 * time.Millisecond},
		{"very late, and it is read", time.Hour, 900 * time.Millisecond, true, 900 * time.Millisecond},
		{"very late, and nothing came", time.Hour, 2 * time.Second, false, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				done, began := make(chan struct{}), time.Now()
				timer := time.NewTimer(0)
				synctest.Wait()
				if tt.read == 0 {
					close(done)
				} else {
					time.AfterFunc(tt.read, func() { close(done) })
				}
				in := websocket.Before(timer, tt.late, done)
				if took := time.Since(began); in != tt.in || took != tt.took {
					t.Errorf("got %v after %v, want %v after %v", in, took, tt.in, tt.took)
				}
			})
		})
	}
}
