package websocket_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/websocket"
)

// A manner is how a peer behaves when the server stops.
type manner struct {
	name    string
	prepare func(p *peer)
	// stop returns the code that the peer was told.
	stop func(p *peer) websocket.Code
}

const (
	half = "a frame that is not whole"
	much = 24 // messages of 32 KiB: less than the queue holds, more than the sockets do
)

var (
	answers = manner{"answers", (*peer).greet, answer}
	between = manner{"answers between fragments", func(p *peer) { p.greet(); p.write(frame(opText, "the beginning of a message")) }, answer}
	inside  = manner{"answers after its frame", func(p *peer) { p.greet(); p.write(frame(0x80|opText, half)[:20]) }, func(p *peer) websocket.Code {
		code := p.goodbye()
		p.write(frame(0x80|opText, half)[20:])
		p.close(code, "")
		return p.ended(code)
	}}
	hangsUp = manner{"hangs up", (*peer).greet, func(p *peer) websocket.Code {
		code := p.goodbye()
		p.conn.Close()
		return code
	}}
	silent  = manner{"is silent", (*peer).greet, func(p *peer) websocket.Code { return p.ended(p.goodbye()) }}
	muffled = manner{"is silent inside a frame", inside.prepare, silent.stop}
	stalls  = manner{"stalls", func(p *peer) {
		p.text("flood")
		p.start(20)
	}, func(p *peer) websocket.Code {
		return websocket.Abnormal
	}}
)

// greet sends a message and gets it back.
func (p *peer) greet() {
	p.t.Helper()
	p.text("here")
	p.want(opText, "here")
}

// start reads the beginning of what comes.
func (p *peer) start(n int64) {
	p.t.Helper()
	if _, err := io.CopyN(io.Discard, p.br, n); err != nil {
		p.t.Error(err)
	}
}

// goodbye reads the close frame.
func (p *peer) goodbye() websocket.Code {
	op, payload, err := p.next()
	if err != nil || op != opClose || len(payload) < 2 {
		return websocket.Abnormal
	}
	return websocket.Code(payload[0])<<8 | websocket.Code(payload[1])
}

func answer(p *peer) websocket.Code {
	code := p.goodbye()
	p.close(code, "")
	return p.ended(code)
}

// ended returns code when the connection has been closed without another frame.
func (p *peer) ended(code websocket.Code) websocket.Code {
	if op, payload, err := p.next(); err == nil {
		p.t.Errorf("after the close: got %d %q", op, payload)
	}
	return code
}

// flooded is echo that sends much to who asks for a flood.
func flooded(ctx context.Context, c *websocket.Conn) error {
	for m, err := range c.Messages() {
		if err != nil {
			return err
		}
		n := 1
		if m.String() == "flood" {
			n, m = much, websocket.Binary(make([]byte, 32<<10))
		}
		for range n {
			if err := c.Send(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// A group is so many peers of a kind.
type group struct {
	manner
	n int
}

// A farewell is how a stop went.
type farewell struct {
	err     error // what Serve returned
	took    time.Duration
	log     string        // until Serve returned
	later   func() string // the log by now
	reports []error
	codes   map[string]map[websocket.Code]int // that the peers of each manner were told
}

// stopUnder has an App run serve for groups of peers, ends its context and
// returns how that went.
func stopUnder(t *testing.T, ln net.Listener, dial func() net.Conn, o *websocket.Options, serve connFunc, groups []group) (f farewell) {
	t.Helper()
	var log journal
	var mu sync.Mutex
	app := creche.New(creche.Options{
		IgnoreSignals: true, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Observe: func(_ context.Context, r nursery.Report) {
			mu.Lock()
			defer mu.Unlock()
			f.reports = append(f.reports, r.Err)
		},
	})
	h := app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return upgrade(w, r, o, serve)
	}))
	served := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { served <- app.Serve(ctx, ln, h) }()

	var ended sync.WaitGroup
	f.codes = make(map[string]map[websocket.Code]int)
	stopped := make(chan struct{})
	for _, g := range groups {
		codes := make(map[websocket.Code]int)
		f.codes[g.name] = codes
		for range g.n {
			p := join(t, dial())
			g.prepare(p)
			ended.Go(func() {
				<-stopped
				code := g.stop(p)
				mu.Lock()
				defer mu.Unlock()
				codes[code]++
			})
		}
	}
	began := time.Now()
	stop()
	close(stopped)
	f.err = <-served
	f.took = time.Since(began)
	ended.Wait()
	f.log, f.later = log.String(), log.String
	return f
}
