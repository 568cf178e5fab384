package creche

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"

	"github.com/creche-go/creche/nursery"
)

// clientGone reports whether there is nobody to answer. The nursery may have
// been cancelled by a failure before the client left, so its own cause is not
// enough; nor is that of the outer context, which may end only after a write has
// failed.
func (x *Exchange) clientGone() bool {
	if x.response.unheard != nil {
		return true
	}
	return x.ctx.Err() != nil && !x.is(slowBody) && nursery.Is(requestCause(context.Cause(x.ctx)), ErrClientGone)
}

// heard notes err, with which the server's writer failed, if it says that the
// client has left. It returns err.
func (x *Exchange) heard(err error) error {
	if err != nil && x.response != nil && x.saysGone(err) {
		x.response.unheard = err
	}
	return err
}

// saysGone tells a client that left from what else a write may fail with: a
// deadline, a body that is longer than declared or not allowed, the source of a
// copy, a connection that the stop has closed.
func (x *Exchange) saysGone(err error) bool {
	if nursery.Is(err, os.ErrDeadlineExceeded) || nursery.Is(err, net.ErrClosed) {
		return false
	}
	if op := lastOp(err); op != nil {
		_, sending := op.Err.(*os.SyscallError) // and not reading the source
		return op.Op == "write" || op.Op == "readfrom" && sending
	}
	// These are also said of connections that the stop has closed. Those of HTTP/2
	// net/http does not export.
	gone := err == io.ErrClosedPipe || err.Error() == "http2: stream closed" || err.Error() == "client disconnected"
	return gone && !nursery.Is(context.Cause(x.ctx), ErrShutdown)
}

// lastOp returns the innermost operation of the network that err is of, or one of
// the last of more than there ever are, as of one that wraps itself.
func lastOp(err error) (op *net.OpError) {
	for range mostOps {
		inner, ok := nursery.AsType[*net.OpError](err)
		if !ok {
			break
		}
		op, err = inner, inner.Err
	}
	return op
}

// mostOps is how many operations may be of one another: a proxy's is of the
// connection to it.
const mostOps = 32

// besides returns what err has besides the leaving of the client: nil where
// that is all.
func (x *Exchange) besides(err error) error {
	return nursery.Filter(err, func(leaf error) bool {
		return !inChain(leaf, ErrClientGone) && !inChain(leaf, x.response.unheard)
	})
}

// reportGone reports the real errors of a request whose client has gone.
func (x *Exchange) reportGone(err error) {
	untold := nursery.Filter(x.besides(err), func(leaf error) bool { return !reported(leaf) })
	if untold != nil {
		r := x.reportOf(untold, nil) // with the task, if it is one failure
		r.Err = &untoldError{untold}
		x.App().observe(x.scope(), r)
		return
	}
	x.App().log().LogAttrs(x.scope(), slog.LevelDebug, "creche: client gone", whence(x.scope())...)
}

// untoldError is what a client that has gone could not be told.
type untoldError struct{ err error }

func (e *untoldError) Error() string {
	return ErrClientGone.Error() + ", and could not be told: " + nursery.Text(e.err)
}

func (e *untoldError) Unwrap() []error { return []error{ErrClientGone, e.err} }
