//go:build unix

package websocket

import "syscall"

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
