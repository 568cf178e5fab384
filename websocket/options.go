package websocket

import (
	"errors"
	"fmt"
	"math"
	"path"
	"strings"
	"time"
)

// Options configures [Serve]. Nil, and every zero field, means the defaults.
// Serve copies what it needs, and refuses what [Options.Check] finds fault with.
type Options struct {
	// Origins are patterns of further origins whose pages may connect. Without
	// any, only pages of the request's own host may, and clients that send no
	// Origin, which browsers always do. A pattern is matched as by
	// [path.Match], without regard to case, against the origin's host and port
	// or, if it contains "://", against scheme, host and port: "*.example.com",
	// "https://example.com". Whoever may connect does so with the cookies of
	// the user.
	Origins []string
	// Subprotocols are those that the server speaks, best first. The first
	// that the client offers too, in the same case, is chosen; if there is none
	// the connection has no subprotocol, which [Conn.Subprotocol] tells.
	Subprotocols []string

	// ReadLimit is how many bytes a message from the peer may have, compressed
	// or not; 0 means 64 KiB. A larger one closes the connection with
	// [MessageTooBig].
	ReadLimit int64
	// MessagesPerSecond is how many messages the peer may send in a second, and
	// at once after a pause. More close the connection with [PolicyViolation].
	// They count when they are read: what waited for room in Inbox may have been
	// sent any time meanwhile, and the time of a process that stood still is a
	// pause of the peer's. 0 means that there is no limit.
	MessagesPerSecond int
	// Connections bounds how many connections are open at once. Nil means that
	// there is no limit, and one that [NewLimit] has not made is a fault.
	Connections *Limit
	// Compress is how many bytes a message has at least that is compressed on
	// its way to a peer that offers that (permessage-deflate, RFC 7692), which may
	// compress what it sends, too. 0 means that compression is never agreed on;
	// 512 is a good number, for with less it hardly pays.
	//
	// Each message is compressed by itself, so that a connection keeps nothing
	// for it, and once for all who are in a room; one that the application has
	// made, of 128 bytes or more, once wherever it is sent. What gets no shorter
	// is sent as it is. Bounds are for what messages have uncompressed, and
	// [Stats].Sent tells what was written.
	//
	// Compressing costs some 5 µs for a message and 3 µs for each kilobyte of it,
	// and undoing it about half of that. Who may have text of his own
	// compressed together with a secret, and see how long it gets, can guess the
	// secret: send no tokens in one message with what others have written.
	Compress int
	// Inbox bounds the messages that were received and not yet read by the
	// application; 0 means 16 messages and 1 MiB. While it is full nothing
	// more is read from the socket.
	Inbox Bounds
	// Queue bounds the messages that were sent and are not yet written to the
	// socket; 0 means 256 messages and 1 MiB.
	Queue Bounds
	// Slow says what happens to a message for which Queue has no room, sent by
	// [Conn.TrySend] or to a room without a policy of its own ([Rooms.Slow]).
	// [Conn.Send] heeds only [Conflate]. 0 means [Disconnect].
	Slow SlowPolicy
	// Patience is how long whoever sends to a room waits for this connection
	// under [Block]; then it is disconnected. 0 means five seconds.
	Patience time.Duration
	// OnDrop is called for each message that is dropped because the peer is too
	// slow ([SlowPolicy]), once [Stats].Dropped counts it, by whoever sent or, for
	// what was still queued when the connection was disconnected, by a task of the
	// connection. For what is lost with a connection that breaks it is not called.
	// No lock is held, and it may send, but not to c. It should return soon, for it
	// delays who comes after c in the room, and must not wait for the end of c, for
	// that waits for it: OnClose is called when all calls of OnDrop have returned. A
	// panic is the caller's. Nil means that nothing is called.
	OnDrop func(c *Conn, m Message)

	// PingEvery is how long nothing may come from the peer until it is sent a
	// ping, and PongWithin how long after that until it is taken for dead: then
	// the connection ends with [ErrHeartbeat]. Whatever the peer sends is a sign
	// of life, a single byte of a frame too. 0 means 30 seconds and 10 seconds,
	// and a negative PingEvery that there is no heartbeat. A server that comes to it
	// late, for it stood still itself, waits once more for as long as it was late,
	// at most PongWithin, to read what came meanwhile.
	//
	// A ping follows the message that is being written, however large. Until it
	// leaves the peer has PongWithin for each 64 KB of that. What the network
	// has taken before, into its buffers, has to reach the peer within PongWithin,
	// as does the ping.
	//
	// While the inbox is full nothing is read, and silence says nothing. The
	// pings go on; on a socket that the peer has closed or reset, by the second
	// one at the latest, writing fails, and the connection ends as that of a
	// peer that vanished, once the application has had CloseTimeout to read how
	// it closed.
	PingEvery, PongWithin time.Duration
	// MaxPause is how long the inbox may be full without the application
	// receiving anything. Then the connection ends with [ErrUnread]: a peer that
	// vanished silently in such a pause would not be noticed otherwise. 0 means
	// five minutes, and negative that there is no limit. A server that comes to it
	// late waits once more, as for a ping.
	MaxPause time.Duration

	// OnClose is called once for each connection that was upgraded, with or
	// without Detach, when all of it has ended: its function, its tasks and the
	// last call of OnDrop have returned, and the socket is closed. E says how: with
	// the code and reason that the peer closed with or, if the server did, those
	// that it sent; [Abnormal] stands for a peer that vanished, or a connection that
	// was aborted without a close frame. What caused it can be asked for with
	// [errors.Is] and [errors.As] of e. The context of c has ended and has its
	// values still, and what [Conn.Stats] counts no longer changes: what somebody
	// outside still sends to c is neither sent nor dropped. A stop waits for it, as
	// for the function; a panic is reported, or without Detach is one of the HTTP
	// handler. Nil means that nothing is called.
	OnClose func(c *Conn, e *CloseError)

	// Detach has [Serve] return after the upgrade, and the connection live on
	// without the HTTP handler: see there.
	Detach bool

	// Plain has github.com/coder/websocket read and write all frames, and not this
	// package: for those who trust the frames of a library that many use more than
	// ours, and for finding out whether a trouble is in ours. What is promised of
	// connections, rooms and stops holds all the same. A delivery in a room takes up
	// to twice the time, and an idle connection twice the memory. Only without it
	//
	//   - a message is framed, and compressed, once for all who get it;
	//   - a message may be seen to be too large by the header of its frame, and not
	//     only when too much of it has come;
	//   - a length that could be shorter is a breach of the protocol;
	//   - a ping may take longer than five seconds to come whole;
	//   - a message whose compression is cut off, or goes on after its end, is refused,
	//     and one that marks its last block does not spoil the next one. ReadLimit is
	//     for what is packed too, and what gets no shorter is sent as it is.
	Plain bool

	// CloseTimeout is how long the end of a connection may take: writing what
	// is queued and the close frame, and waiting for the peer's. Then the
	// socket is aborted; for those of a stop see [AbortedError]. 0 means two
	// seconds. A server that comes to it late, for it stood still itself, takes as
	// long again, at most a second, to read what came meanwhile.
	CloseTimeout time.Duration
	// LastWord is how long the connection's function may go on when the server
	// is draining, before it is cancelled. 0 means one second.
	LastWord time.Duration
}

// kept is what a connection keeps of its options: what its parts do not have.
// There are many connections.
type kept struct {
	connections *Limit
	readLimit   int64
	compress    int
	queue       Bounds
	slow        SlowPolicy
	patience    time.Duration
	onDrop      func(*Conn, Message)
	onClose     func(*Conn, *CloseError)
	timeout     time.Duration // of the close
	lastWord    time.Duration
}

func (o *Options) kept() kept {
	return kept{o.Connections, o.ReadLimit, o.Compress, o.Queue, o.Slow, o.Patience, o.OnDrop, o.OnClose, o.CloseTimeout, o.LastWord}
}

// Bounds limits a queue of messages. One message always fits into an empty
// queue, whatever its size.
type Bounds struct {
	// Messages is how many there may be; 0 means the default.
	Messages int
	// Bytes is how many they may have together; 0 means the default.
	Bytes int
}

func (b *Bounds) add(messages, bytes int) {
	b.Messages += messages
	b.Bytes += bytes
}

// orDefault returns the options with the defaults filled in, or all that is
// wrong with them, in one error: each that is joined with others would be reported
// for each request.
func (o *Options) orDefault() (Options, error) {
	if err := o.Check(); err != nil {
		return Options{}, errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	var filled Options
	if o != nil {
		filled = *o
	}
	fill(&filled.ReadLimit, 64<<10)
	fill(&filled.Inbox.Messages, 16)
	fill(&filled.Inbox.Bytes, 1<<20)
	fill(&filled.Queue.Messages, 256)
	fill(&filled.Queue.Bytes, 1<<20)
	fill(&filled.Slow, Disconnect)
	fill(&filled.Patience, 5*time.Second)
	fill(&filled.PingEvery, 30*time.Second)
	fill(&filled.PongWithin, 10*time.Second)
	fill(&filled.MaxPause, 5*time.Minute)
	fill(&filled.CloseTimeout, 2*time.Second)
	fill(&filled.LastWord, time.Second)
	filled.ReadLimit = min(filled.ReadLimit, forEver)
	for _, d := range []*time.Duration{&filled.Patience, &filled.PingEvery, &filled.PongWithin, &filled.MaxPause, &filled.CloseTimeout, &filled.LastWord} {
		*d = min(*d, forEver)
	}
	return filled, nil
}

// forEver is more than anybody waits or sends, and few enough that sums of it do
// not overflow.
const forEver = math.MaxInt64 / 8

func fill[T int | int64 | time.Duration | SlowPolicy](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Check returns all faults of o together, or nil: patterns of origins that match
// nothing, subprotocols that are no tokens, numbers and durations below zero where
// that has no meaning, a policy that is none and a [Limit] that admits nobody. Nil
// and zero options have none.
//
// [Serve] checks what it is given, too, but that is when somebody connects, who is
// answered by 500: call Check where the routes are made, or in a test. It changes
// nothing, so that any number of goroutines may call it as long as nobody sets
// fields. That LastWord and CloseTimeout together fit into what the stop gives to
// connections ([creche.Stopping]) it cannot know: o may serve several applications.
//
// [creche.Stopping]: https://pkg.go.dev/github.com/creche-go/creche#Stopping
func (o *Options) Check() error {
	if o == nil {
		return nil
	}
	faults := append(o.checkNames(), o.checkNumbers()...)
	if o.Connections != nil && o.Connections.max < 1 {
		faults = append(faults, errors.New("websocket: Options.Connections is a zero Limit, which would admit nobody: want one of NewLimit, or nil"))
	}
	if o.Slow != 0 && !o.Slow.known() {
		faults = append(faults, fmt.Errorf("websocket: Options.Slow is %v: want one of the policies, or 0", o.Slow))
	}
	return errors.Join(faults...)
}

// checkNames returns what is wrong with origins and subprotocols.
func (o *Options) checkNames() (faults []error) {
	for _, pattern := range o.Origins {
		if err := checkOrigin(pattern); err != nil {
			faults = append(faults, fmt.Errorf("websocket: Options.Origins: pattern %q %w", pattern, err))
		}
	}
	for _, protocol := range o.Subprotocols {
		if !isToken(protocol) {
			faults = append(faults, fmt.Errorf("websocket: Options.Subprotocols: %q is not a token", protocol))
		}
	}
	return faults
}

// checkNumbers returns what is below zero, with nil for what is not. PingEvery and
// MaxPause may be: that means none.
func (o *Options) checkNumbers() []error {
	return []error{
		notBelow0("ReadLimit", o.ReadLimit),
		notBelow0("MessagesPerSecond", o.MessagesPerSecond),
		notBelow0("Compress", o.Compress),
		notBelow0("Inbox.Messages", o.Inbox.Messages),
		notBelow0("Inbox.Bytes", o.Inbox.Bytes),
		notBelow0("Queue.Messages", o.Queue.Messages),
		notBelow0("Queue.Bytes", o.Queue.Bytes),
		notBelow0("Patience", o.Patience),
		notBelow0("PongWithin", o.PongWithin),
		notBelow0("CloseTimeout", o.CloseTimeout),
		notBelow0("LastWord", o.LastWord),
	}
}

func notBelow0[T int | int64 | time.Duration](field string, value T) error {
	if value < 0 {
		return fmt.Errorf("websocket: Options.%s is %v: want 0 or more", field, value)
	}
	return nil
}

// checkOrigin returns what is wrong with a pattern, or nil.
func checkOrigin(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return errors.New("is malformed")
	}
	host := pattern
	if _, after, ok := strings.Cut(pattern, "://"); ok {
		host = after
	}
	switch {
	case host == "":
		return errors.New("has no host")
	case strings.Contains(host, "/"):
		return errors.New("has a path, and an origin has none")
	}
	return nil
}

// isToken reports whether s may name a subprotocol (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}
