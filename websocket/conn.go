package websocket

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/creche-go/creche/nursery"
)

// Conn is a connection that [Serve] runs. It ends with the function given to
// Serve and must not be used by what outlives it: then its methods do nothing,
// or return an error (Receive does when what came before the peer closed has been
// received), and Go panics. All methods may be called from any goroutine;
// [Conn.Receive] and [Conn.Messages] by one at a time.
//
// An idle connection has two goroutines, that of the function and one that
// reads. Another writes while there is something to write, what is broadcast for
// several connections, and one closes the connection. What watches over all
// connections of an application is one more.
type Conn struct {
	socket   socket
	frames   frames   // how what comes through it is read, and what leaves is written
	wire     wire     // what comes
	message  incoming // the reader's alone
	protocol string   // the subprotocol
	opts     kept
	in       inbox
	pace     pace // of the peer's messages
	out      outbox

	rules   rules // nil outside any middleware
	crowd   *crowd
	sweeper *sweeper // of the crowd
	pulse   pulse

	nursery  *nursery.Nursery
	ctx      context.Context
	draining <-chan struct{}
	silent   chan struct{} // closed when nothing more comes from the peer

	asked     atomic.Pointer[chan struct{}] // closed by a Receive that finds nothing; see answerFirst
	receiving atomic.Bool
	garbled   atomic.Bool                // the peer's frames cannot be told apart any more
	answered  atomic.Bool                // the peer has sent a close frame
	ending    atomic.Bool                // end has begun
	left      atomic.Pointer[CloseError] // how the peer left
	closed    atomic.Pointer[CloseError] // what Close was called with
	told      *CloseError                // how it ended, once it has

	mu    sync.Mutex // guards what follows; never held across a wait
	rooms []Room     // few, mostly one
	gone  bool       // joins no room any more
}

func newConn(conn net.Conn, early []byte, protocol string, o Options) *Conn {
	c := &Conn{socket: socket{conn}, protocol: protocol, opts: o.kept(), silent: make(chan struct{})}
	c.frames = own{c}
	c.pace.perSecond = o.MessagesPerSecond
	c.pulse.every, c.pulse.within, c.pulse.longest = o.PingEvery, o.PongWithin, o.MaxPause
	c.in.open(o.Inbox)
	c.out.open(c)
	c.wire.open(c, early)
	return c
}

// join makes c one of d.
func (c *Conn) join(d *crowd) {
	c.crowd, c.sweeper, c.draining = d, &d.sweeper, d.sweeper.draining
	d.count(1)
	d.account.enter()
}

// open makes n the nursery of the connection.
func (c *Conn) open(ctx context.Context, n *nursery.Nursery) {
	c.ctx, c.nursery = ctx, n
	c.out.begin = n.TryGo
}

// Go starts a task beside the connection's function: [nursery.Nursery.Go] of
// the connection's nursery. The first failure of any of them cancels the others
// and closes the connection. Returning what [Conn.Receive], [Conn.Messages] or
// [Conn.Send] returned is no failure when the connection ended in good order,
// or ended for another reason that is told already. A nil task panics, and so
// does Go once the connection has ended: what may outlive it is for [creche.Go].
//
// [creche.Go]: https://pkg.go.dev/github.com/creche-go/creche#Go
func (c *Conn) Go(task func(ctx context.Context) error, opts ...nursery.TaskOption) {
	if task == nil {
		panic("websocket: Conn.Go: nil task")
	}
	opts = append([]nursery.TaskOption{nursery.Runs(task)}, opts...)
	if c.nursery.TryGo(func(ctx context.Context) error { return failure(task(ctx)) }, opts...) != nil {
		panic("websocket: Conn.Go after the connection ended: start what belongs to it from its function or its tasks, and what outlives it with creche.Go")
	}
}

// failure returns err without what says no more than that there are no more
// messages.
func failure(err error) error {
	if err == nil || err == ErrEnd {
		return nil
	}
	return nursery.Filter(err, func(leaf error) bool { return !nursery.Is(leaf, ErrEnd) })
}

// Context returns the connection's context: that of the function given to
// [Serve], with the values of the request. It ends as soon as the connection
// begins to, with a cause that says why.
func (c *Conn) Context() context.Context { return c.ctx }

// Subprotocol returns the subprotocol that was agreed on, or "".
func (c *Conn) Subprotocol() string { return c.protocol }

// Close ends the connection in good order with code and reason: the context is
// cancelled, what is queued is written, and then the close frame. A code that
// may not be sent becomes [InternalError], and the reason is cut to 123 bytes.
// Close does not wait, and the connection's function has still to return. Once
// the connection is ending, for whatever reason, it does nothing.
func (c *Conn) Close(code Code, reason string) {
	e := &CloseError{Code: code, Reason: reason}
	if c.closed.CompareAndSwap(nil, e) {
		c.nursery.Cancel(e)
	}
}

// unreachable ends the connection of a peer that nothing can be written to.
// The socket may still have the close frame, with the reason, to be read.
func (c *Conn) unreachable() {
	by, t := time.Now().Add(c.opts.timeout), time.NewTimer(c.opts.timeout)
	defer t.Stop()
	before(by, t, c.silent)
	c.vanished()
}

// vanished ends the connection of a peer that can be reached no more.
func (c *Conn) vanished() { c.lose(&CloseError{Code: Abnormal}) }

// lose ends the connection because the peer left.
func (c *Conn) lose(e *CloseError) {
	c.left.CompareAndSwap(nil, e)
	c.nursery.Cancel(c.left.Load())
}
