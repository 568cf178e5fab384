//go:build unix

package websocket

import (
	"io"
	"net"
	"syscall"
)

// rawOf returns how to read from and write to conn without waiting, or nil if that
// cannot be known: around any other connection, that of TLS or a user's own, is
// somebody who wants to see the bytes.
func rawOf(conn net.Conn) syscall.RawConn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// write is called with a descriptor that does not block.
func (a *attempt) write(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), a.batch)
		if err == syscall.EINTR {
			continue
		}
		a.n = max(n, 0)
		return true
	}
}

// readNow reads from a descriptor that does not block. It returns false if there
// is nothing to read yet.
func readNow(fd uintptr, p []byte) (n int, ready bool, err error) {
	for {
		n, err := syscall.Read(int(fd), p)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return 0, false, nil
		case err != nil:
			return 0, true, err
		case n == 0:
			return 0, true, io.EOF
		}
		return n, true, nil
	}
}
