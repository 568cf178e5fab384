//go:build !unix

package websocket

import (
	"net"
	"syscall"
)

// rawOf knows no way to write without waiting, so that there are no rounds: each
// connection gets a task of its own.
func rawOf(net.Conn) syscall.RawConn { return nil }

// write is never called.
func (a *attempt) write(uintptr) bool { return true }
