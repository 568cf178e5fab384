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
	whole := (*body)(x)
	x.request.Body = whole
	if n, limit := x.request.ContentLength, x.App().options.ReadBody; n > 0 && n <= limit {
		x.request.Body = whole.begun(n, limit)
	}
}

// begun reads up to limit bytes of b, which announces n, and returns a body that
// has them again. It reads on to the end: of a client's body for the trailers of
// HTTP/2, and of one that outer middleware has put in its place, a decompressed
// one, because n is not the length of that. What is beyond the limit is left to the
// handler.
func (b *body) begun(n, limit int64) io.ReadCloser {
	// It grows as it comes: to announce much costs a client nothing.
	content := bytes.NewBuffer(make([]byte, 0, min(n+bytes.MinRead, 4<<10)))
	_, err := content.ReadFrom(io.LimitReader(b, limit))
	if err == nil && int64(content.Len()) < limit {
		err = io.EOF
	}
	return begunBody{continued(content.Bytes(), err, b), b}
}

// begunBody is a body whose beginning has been read.
type begunBody struct {
	io.Reader
	io.Closer
}

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
