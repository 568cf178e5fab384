package websocket

import (
	"bufio"
	"cmp"
	"compress/flate"
	"context"
	"io"
	"time"
	"unicode/utf8"

	coder "github.com/coder/websocket"

	"github.com/creche-go/creche/nursery"
)

// plain is the frames of github.com/coder/websocket: see [Options.Plain]. It has
// two connections of that package, neither of which has a network. One reads what
// comes through the socket. The frames that it makes meanwhile, pings and pongs,
// are queued as ours are, but for its close frame. The other makes the frames of
// messages and the close frame, in memory, and reads nothing.
//
// A single one would say its last word as soon as the peer closes, or breaks the
// protocol: before the answers to what came before, before what is queued, and
// whatever the application has to say. It would be written by whoever reads, who
// must not wait for a peer that does not; and its Close waits for the peer, up to
// five seconds.
type plain struct {
	c     *Conn
	in    *coder.Conn
	buf   *bufio.Reader // of in
	lost  bool          // nothing more can be read from the socket
	packs bool          // compression was agreed on

	out   *coder.Conn
	batch []byte // what out writes to
}

// plainly has the frames of c be coder's.
func (c *Conn) plainly() error {
	p := &plain{c: c, packs: c.opts.compress > 0, buf: bufio.NewReader(nil)}
	var err, failed error
	p.in, err = rehearsed(ends{read: p.receive, write: p.reply}, p.buf, c.opts.compress)
	p.out, failed = rehearsed(ends{read: nothing, write: p.gather}, bufio.NewReaderSize(nil, 0), c.opts.compress)
	c.opts.compress = 0 // who compresses is out
	if err := cmp.Or(err, failed); err != nil {
		return err
	}
	p.in.SetReadLimit(-1) // it is kept by collect: coder would not go on reading
	c.frames = p
	return nil
}

// receive is how in reads. An error that comes with some bytes will come again
// without.
func (p *plain) receive(b []byte) (int, error) {
	n, err := p.c.wire.receive(b)
	if n > 0 {
		return n, nil
	}
	p.lost = err != nil
	return n, err
}

// reply is how in writes: one control frame at a time.
func (p *plain) reply(frame []byte) (int, error) {
	if frame[0]&0x0f != opClose {
		p.c.out.reply(frame)
	}
	return len(frame), nil
}

func nothing([]byte) (int, error) { return 0, io.EOF }

// gather is how out writes.
func (p *plain) gather(b []byte) (int, error) {
	p.batch = append(p.batch, b...)
	return len(b), nil
}

// next reads a message, with the control frames that come before and between.
func (p *plain) next() error {
	// A context that ends would end the connection in the middle of a frame.
	kind, r, err := p.in.Reader(context.Background())
	if err == nil {
		err = p.collect(byte(kind), r) // kinds have the numbers of the opcodes
	}
	if err != nil {
		_ = p.in.CloseNow() // a ping may wait for its pong
		return p.ended(err)
	}
	return nil
}

// ended returns how reading has ended that ended with err.
func (p *plain) ended(err error) error {
	e, closed := nursery.AsType[coder.CloseError](err)
	switch {
	case closed && !utf8.ValidString(e.Reason):
		return ErrNotText
	case closed:
		return &CloseError{Code: Code(e.Code), Reason: e.Reason}
	case p.lost:
		return err
	}
	return errViolation
}

// collect reads a message and delivers it. Once the connection is ending messages
// are read and forgotten.
func (p *plain) collect(op byte, r io.Reader) error {
	m := &p.c.message
	m.op, m.data, m.skip = op, scratch(), p.c.ctx.Err() != nil
	err := error(nil)
	for err == nil && !m.skip {
		if err = p.some(m, r); !p.lost { // else what has come last is not even unmasked
			err = p.check(m, err)
		}
	}
	if err == nil {
		if _, err = io.Copy(io.Discard, r); err == nil {
			err = io.EOF
		}
	}
	if err != io.EOF || p.lost { // coder has EOF also for a connection that ends inside
		return err
	}
	if !m.skip {
		p.c.deliver()
	}
	m.end()
	return nil
}

// some reads what has come of a message, and waits for the first of it: coder
// would wait for all that is asked for. What it unpacks cannot be asked for so.
func (p *plain) some(m *incoming, r io.Reader) error {
	b := *m.data
	if len(b) == cap(b) {
		b = append(b, 0)[:len(b)]
	}
	most := cap(b) - len(b)
	if !p.packs {
		most = min(most, max(1, p.buf.Buffered()))
	}
	n, err := r.Read(b[len(b) : len(b)+most])
	*m.data = b[:len(b)+n]
	return err
}

// check looks at what has come of a message, the last of it with err, which it
// returns, unless what follows cannot be told apart any more.
func (p *plain) check(m *incoming, err error) error {
	if _, broken := nursery.AsType[flate.CorruptInputError](err); broken {
		p.c.nursery.Cancel(ErrCompression)
		return errViolation
	}
	switch {
	case int64(len(*m.data)) > p.c.opts.readLimit:
		m.skip = true
		p.c.nursery.Cancel(ErrTooBig)
		if p.packs { // it may unpack to a thousand times what comes
			return errViolation
		}
	case !m.mayBeText():
		m.skip = true
		p.c.nursery.Cancel(ErrNotText)
	}
	return err
}

// ping leaves it to a task to wait for the answer, which may be one that nobody
// needs any more: the peer is heard by whatever it sends.
func (p *plain) ping() {
	_ = p.c.out.begin(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pongWithin)
		defer cancel()
		_ = p.in.Ping(ctx)
		return nil
	})
}

// pongWithin is how long coder waits for the answer to a ping. It is not
// [Options.PongWithin]: should the time be over before the ping is queued, coder
// closes its connection.
const pongWithin = 5 * time.Second

// size is of the frame that is not compressed, for the other is not known yet.
func (p *plain) size(m Message) int { return len(m.wire()) }

func (p *plain) message(batch []byte, m Message) []byte {
	kind := coder.MessageBinary
	if m.IsText() {
		kind = coder.MessageText
	}
	p.batch = batch
	_ = p.out.Write(context.Background(), kind, m.Bytes()) // into memory, which does not fail
	return p.made()
}

func (p *plain) last(batch []byte, e *CloseError) []byte {
	p.batch = batch
	_ = p.out.Close(coder.StatusCode(e.Code), sendable(e.Reason)) // that nobody answers is no news
	return p.made()
}

// made returns the batch with what has been written to it.
func (p *plain) made() []byte {
	batch := p.batch
	p.batch = nil
	return batch
}

// release closes what would never be freed otherwise.
func (p *plain) release() {
	_ = p.in.CloseNow()
	_ = p.out.CloseNow()
}
