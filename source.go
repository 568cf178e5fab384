package creche

import (
	"bytes"
	"io"
	"sync"
	"syscall"
)

// copyFrom copies from src with copying, which is not called before src has
// something. A src that has nothing ends or fails without that. The server is to
// have a file as what it is, for sendfile: it is asked for a byte, and reads that
// again.
func copyFrom(src io.Reader, copying func(src io.Reader) (int64, error)) (int64, error) {
	room := beginnings.Get().(*[copySize]byte)
	defer beginnings.Put(room)
	first := room[:]
	file, part := fileOf(src)
	if file != nil {
		first = first[:1]
	}
	n, err := src.Read(first)
	for n == 0 && err == nil {
		n, err = src.Read(first)
	}
	switch {
	case n == 0 && err == io.EOF:
		return 0, nil
	case n == 0:
		return 0, err
	case file != nil && putBack(file, part, n):
		return copying(src)
	}
	return copying(onlyReader{continued(first[:n], err, src)})
}

// copySize is how much net/http reads of a source at once.
const copySize = 32 << 10

var beginnings = sync.Pool{New: func() any { return new([copySize]byte) }}

// fileOf returns the file that src is, as package net asks, or is the part of.
func fileOf(src io.Reader) (file io.Seeker, part *io.LimitedReader) {
	part, _ = src.(*io.LimitedReader)
	if part != nil {
		src = part.R
	}
	if f, is := src.(interface {
		io.Seeker
		syscall.Conn
	}); is {
		file = f
	}
	return file, part
}

// putBack has the last n bytes read again. It returns false if nothing was changed,
// as of a pipe.
func putBack(file io.Seeker, part *io.LimitedReader, n int) bool {
	if _, err := file.Seek(-int64(n), io.SeekCurrent); err != nil {
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
