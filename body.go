package creche

import (
	"bytes"
	"io"
	"net/http"
	"os"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// body is an Exchange seen as the body of its request.
type body Exchange

// wrapBody has reads of the request's body go through the exchange, and reads
// a small one up front if the application asks for it.
func (x *Exchange) wrapBody() {
	x.request.Body = (*body)(x)
	if n := x.request.ContentLength; n > 0 && n <= x.App().options.ReadBody {
		// It grows as it comes: to announce much costs a client nothing.
		buf := bytes.NewBuffer(make([]byte, 0, min(n+bytes.MinRead, 4<<10)))
		_, err := buf.ReadFrom(io.LimitReader(x.request.Body, n))
		x.request.Body = readBody(buf.Bytes(), err)
	}
}

// readBody is a body that has been read and ended with err.
func readBody(content []byte, err error) io.ReadCloser {
	if err == nil {
		return io.NopCloser(bytes.NewReader(content))
	}
	return io.NopCloser(io.MultiReader(bytes.NewReader(content), failing{err}))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Read reads from the request's body. A read deadline that passes is told
// from every other time-out, such as an upstream's, by its type; and it is the
// end of the connection to net/http, which cancels the request's context as
// if the client had left, but it can still be answered.
func (b *body) Read(p []byte) (int, error) {
	outer := b.outer.Load()
	if outer == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := outer.Body.Read(p)
	if err != nil && err != io.EOF && nursery.Is(err, os.ErrDeadlineExceeded) {
		(*Exchange)(b).mark(slowBody)
		err = &errorhandlers.BodyTimeoutError{Err: err}
	}
	return n, err
}

// Close closes the request's body.
func (b *body) Close() error {
	if outer := b.outer.Load(); outer != nil {
		return outer.Body.Close()
	}
	return nil
}
