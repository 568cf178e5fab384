package creche

import (
	"bytes"
	"io"
	"sync"
	"syscall"
)

// copyFrom copies from src with copying, which is not called before src has
// something. A src that has nothing ends or fails without that.
func copyFrom(src io.Reader, copying func(src io.Reader) (int64, error)) (int64, error) {
	first := beginnings.Get().(*[copySize]byte)
	defer beginnings.Put(first)
	n, err := src.Read(first[:])
	for n == 0 && err == nil {
		n, err = src.Read(first[:])
	}
	switch {
	case n == 0 && err == io.EOF:
		return 0, nil
	case n == 0:
		return 0, err
	case putBack(src, n):
		return copying(src)
	}
	return copying(onlyReader{continued(first[:n], err, src)})
}

// copySize is how much net/http reads of a source at once.
const copySize = 32 << 10

var beginnings = sync.Pool{New: func() any { return new([copySize]byte) }}

// putBack has src, if it is a file or a part of one, read the last n bytes again:
// the server is to have it as what it is, for sendfile. It returns false if nothing
// was changed.
func putBack(src io.Reader, n int) bool {
	part, is := src.(*io.LimitedReader)
	if is {
		src = part.R
	}
	file, is := src.(interface { // as package net asks
		io.Seeker
		syscall.Conn
	})
	if !is {
		return false
	}
	if _, err := file.Seek(-int64(n), io.SeekCurrent); err != nil { // a pipe
		return false
	}
	if part != nil {
		part.N += int64(n)
	}
	return true
}

// continued is a reader of what has been read of src and, unless that ended with
// err, of what follows.
func continued(first []byte, err error, src io.Reader) io.Reader {
	if err != nil {
		src = failing{err}
	}
	return io.MultiReader(bytes.NewReader(first), src)
}

// failing is a reader that has nothing.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// onlyReader hides that a reader can write itself, piece by piece.
type onlyReader struct{ io.Reader }
