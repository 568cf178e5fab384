//go:build unix

package websocket

import (
	"net"
	"syscall"
)

// rawOf returns how to write to conn without waiting, or nil if that cannot be
// known: around any other connection, that of TLS or a user's own, is somebody
// who wants to see the bytes.
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
