// Package websocket serves websocket connections (RFC 6455), each with a
// nursery of its own.
//
// [Serve] upgrades a request inside any handler of any router and runs a
// function for the connection. That function, what it starts with [Conn.Go]
// and the connection's own reader are siblings: the first failure, or the
// function's return, cancels the others and closes the connection with the
// close code that belongs to it. Serve returns when all of them have ended.
//
//	func echo(w http.ResponseWriter, r *http.Request) error {
//		return websocket.Serve(w, r, nil, func(ctx context.Context, c *websocket.Conn) error {
//			for msg, err := range c.Messages() {
//				if err != nil {
//					return err
//				}
//				if err := c.Send(ctx, msg); err != nil {
//					return err
//				}
//			}
//			return nil
//		})
//	}
//
// [Rooms] send one message to many connections, and tell who is there. A peer
// that reads more slowly than it is sent to delays nobody else: a [SlowPolicy]
// says what it misses.
//
// Peers that fall silent are pinged and, if they are dead, dropped
// ([Options.PingEvery]); those that do not read, do not close or send too much
// cost a bounded queue and a bounded time. The HTTP handler stays for as long as
// the connection does, or returns at once and frees what net/http holds for it
// ([Options.Detach]); either way [Options.OnClose] is called when it has ended.
// [Options.Check] tells the faults of options before anybody connects, and package
// websockettest has a client for tests in bubbles.
//
// Connections come over HTTP/1.1. For those over HTTP/2 (RFC 8441) a client has to
// be offered them, which net/http does not do by default; browsers open a
// connection of HTTP/1.1 then, to a server that speaks both.
//
// The handshake is that of github.com/coder/websocket, the frames are read and
// written here or, with [Options.Plain], by that package, too. With Detach an idle
// connection costs less than 14 KB with its nursery, its heartbeat and a room; if
// the handler stays it is twice that, and the frames of coder add some 10 KB. The
// differences that matter to using that package by itself: cancelling a context
// never kills the socket in the middle of a frame, silent peers cost the close
// timeout and not five to ten seconds, two readers are an error and not a corrupt
// stream, text is checked for UTF-8 and, but for Plain, lengths for their shortest
// form, pings need nobody who reads, and a connection cannot be forgotten.
// Compression is agreed on only where [Options.Compress] says so, and then without
// a window that a connection would keep.
//
// Read [Serve], [Conn] and [CloseError] first, then [Rooms] and [SlowPolicy].
package websocket
