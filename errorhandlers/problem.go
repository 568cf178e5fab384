package errorhandlers

import (
	"net/http"
	"strconv"

	"github.com/creche-go/creche/nursery"
)

// Problem is an error that says how it is answered: problem details after RFC
// 9457 with status and headers and, on a websocket, a close code. Return one
// from a handler, or translate other errors to it with [Translate].
//
// All fields but Err are shown to the client: they are its author's words.
// Err is for the logs alone. A Problem must not be changed once it was
// returned. A nil *Problem is an ordinary typed nil: a plain 500.
type Problem struct {
	// Status is the HTTP status, from 400 to 599; anything else is 500.
	Status int
	// Type is a URI reference for the kind of problem. Empty means
	// "about:blank", which is left out.
	Type string
	// Title is the summary of the kind of problem. Empty is the status's own.
	Title string
	// Detail explains this occurrence to the client.
	Detail string
	// Instance is a URI reference for this occurrence.
	Instance string
	// Extensions are further members of the problem's JSON object. The names
	// of the five members above are ignored. If they cannot be marshalled the
	// answer has none of them.
	Extensions map[string]any
	// Header has further headers. Those that describe the body are ignored,
	// as are invalid names; line breaks in values become spaces.
	Header http.Header
	// CloseCode is the code that closes a websocket; 0 leaves it to the
	// websocket to choose one for the status.
	CloseCode int
	// CloseReason is the reason sent with CloseCode.
	CloseReason string
	// Err is the error behind the problem, for logs, [errors.Is] and
	// [errors.As]. It is not shown.
	Err error
}

// Error returns status, title, detail and the text of Err, for logs.
func (p *Problem) Error() string {
	text := strconv.Itoa(p.HTTPStatus()) + " " + p.title()
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	if p.Err != nil {
		text += ": " + nursery.Text(p.Err)
	}
	return text
}

// Unwrap returns Err.
func (p *Problem) Unwrap() error { return p.Err }

// HTTPStatus returns the status that the client is sent: Status, or 500 if
// that is not an error's.
func (p *Problem) HTTPStatus() int {
	if isErrorStatus(p.Status) {
		return p.Status
	}
	return http.StatusInternalServerError
}

func (p *Problem) title() string {
	switch {
	case p.Title != "":
		return p.Title
	case http.StatusText(p.HTTPStatus()) != "":
		return http.StatusText(p.HTTPStatus())
	case p.HTTPStatus() < http.StatusInternalServerError:
		return "Client Error"
	}
	return "Server Error"
}
