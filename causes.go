package creche

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// Why a request was cancelled, for errors.Is with [context.Cause] of its
// context. With the last two, and any other cause of a context around it, the rules
// answer a handler that has written nothing when it returns, not even a status,
// whatever it returns.
var (
	// ErrClientGone: the client closed the connection or reset the stream.
	ErrClientGone = errors.New("creche: client gone")
	// ErrRequestTimeout: a deadline on the request's context passed.
	ErrRequestTimeout = fmt.Errorf("creche: request timed out: %w", context.DeadlineExceeded)
	// ErrShutdown: the server is stopping and the request's grace is over.
	ErrShutdown = fmt.Errorf("creche: server is shutting down: %w", errorhandlers.ErrDraining)
)

// timeLimit is [ErrRequestTimeout] of a request that had so much time.
type timeLimit time.Duration

func (l timeLimit) Error() string {
	return fmt.Sprintf("creche: request timed out after %v", time.Duration(l))
}

func (l timeLimit) Unwrap() error { return ErrRequestTimeout }

// requestCause says why the context around a request's nursery ended.
// net/http cancels without a cause when the client leaves; everything else
// says what it is.
func requestCause(cause error) error {
	switch {
	case nursery.Is(cause, ErrShutdown), nursery.Is(cause, ErrClientGone), nursery.Is(cause, ErrRequestTimeout):
		return cause
	case cause == context.Canceled:
		return ErrClientGone
	case cause == context.DeadlineExceeded:
		return ErrRequestTimeout
	}
	return cause
}

// errBaseEnded is why a request ends whose BaseContext was cancelled without a
// cause, which is how net/http says that a client has left. This one waits for an
// answer.
var errBaseEnded = fmt.Errorf("creche: the server's BaseContext has ended: %w", errorhandlers.ErrDraining)

// baseCause says why a BaseContext ended.
func baseCause(cause error) error {
	if cause == context.Canceled {
		return errBaseEnded
	}
	return cause
}
