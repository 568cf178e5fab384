package websocket

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/creche-go/creche/nursery"
)

// CloseError says how a connection ends: with which code, and why.
//
// When the peer closed the connection, or vanished ([Abnormal]), a *CloseError
// is the reason that [context.Cause] of the connection's context unwraps to.
// Returned by the connection's function, or by one of its tasks, it says how
// the server closes. It is never reported: it is an end, not a failure.
type CloseError struct {
	// Code is the close code. One that may not be sent becomes
	// [InternalError].
	Code Code
	// Reason is the text that goes with it. What the server sends is cut to
	// 123 bytes.
	Reason string
	// Err is what is behind it, if anything. It is not sent.
	Err error
}

// Error returns the code, the reason and the text of Err.
func (e *CloseError) Error() string {
	s := "websocket: closed with " + e.Code.String()
	if e.Reason != "" {
		s += fmt.Sprintf(": %q", e.Reason)
	}
	if e.Err != nil {
		s += ": " + nursery.Text(e.Err)
	}
	return s
}

// Unwrap returns Err.
func (e *CloseError) Unwrap() error { return e.Err }

// HTTPStatus returns 400. By having a status a CloseError takes part in the
// search for an answer, among the other leaves of a multi-error and after the
// application's translations, like everything else that can be answered.
func (e *CloseError) HTTPStatus() int { return http.StatusBadRequest }

// ErrEnd is what [Conn.Receive] returns when nothing more is to be received and
// all is in order: the peer closed with [NormalClosure], [GoingAway] or without
// a code, [Conn.Close] was called, or the server is draining. A function or
// task of the connection that returns it returns nil. It wraps [io.EOF].
var ErrEnd = fmt.Errorf("websocket: no more messages: %w", io.EOF)

// ErrBusy is what [Conn.Receive] returns while another call of it waits.
var ErrBusy = errors.New("websocket: two readers on one connection")

// What ends a connection beside its own functions and its peer: reasons of
// the cancellation, each a [*CloseError].
var (
	// ErrSlowConsumer: the queue of outgoing messages was full, under
	// [Disconnect] or what ends as that does: see [SlowPolicy].
	ErrSlowConsumer error = &CloseError{Code: PolicyViolation, Reason: "too slow"}
	// ErrTooBig: a message was larger than [Options.ReadLimit].
	ErrTooBig error = &CloseError{Code: MessageTooBig, Reason: "message too big"}
	// ErrTooMany: there were more messages than [Options.MessagesPerSecond].
	ErrTooMany error = &CloseError{Code: PolicyViolation, Reason: "too many messages"}
	// ErrNotText: a text message, or the reason of a close, was not UTF-8. Of a
	// message it is noticed with the first byte that nothing can mend.
	ErrNotText error = &CloseError{Code: InvalidPayload, Reason: "not UTF-8"}
	// ErrCompression: the peer's compression of a message cannot be undone. Its
	// frames are in order, so that this is a payload that is not what it says, as
	// text that is not UTF-8 is; RFC 7692 names no code.
	ErrCompression error = &CloseError{Code: InvalidPayload, Reason: "not deflated"}
	// ErrHeartbeat: nothing was heard from the peer, not even the answer to a
	// ping: see [Options.PingEvery]. The close frame, should there be anybody
	// to read it, has [InternalError].
	ErrHeartbeat error = &CloseError{Code: Abnormal, Reason: "no answer to a ping"}
	// ErrUnread: the application has not received for [Options.MaxPause],
	// though there was something.
	ErrUnread error = &CloseError{Code: TryAgainLater, Reason: "messages are not read"}
	// ErrProtocol: the peer broke the protocol.
	ErrProtocol error = &CloseError{Code: ProtocolError, Reason: "protocol error"}
)

// errReturned is why a connection is cancelled whose function returned nil.
var errReturned = errors.New("websocket: the connection's function returned")
