//go:build !unix

package websocket

import (
	"net"
	"syscall"
)

// rawOf knows no way to read and to write without waiting. So there are no rounds,
// each connection gets a task of its own, and is read with the buffer it has.
func rawOf(net.Conn) syscall.RawConn { return nil }

// write is never called.
func (a *attempt) write(uintptr) bool { return true }

// readNow is never called.
func readNow(uintptr, []byte) (n int, ready bool, err error) { return 0, true, nil }
