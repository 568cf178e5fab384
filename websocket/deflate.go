package websocket

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"
)

// compressed is the bit of a frame's first byte that marks the first frame of a
// compressed message (RFC 7692, section 6).
const compressed = 0x40

// packed is the frame of a message for those who agreed on compression, made
// once and shared by all of them.
type packed struct {
	once  sync.Once
	frame []byte // the plain one if that is not longer
}

// sharedFrom is how long a payload is at least that is made with a place for
// its compressed frame. That place is an allocation, and there is little to be
// gained by compressing what is shorter.
const sharedFrom = 128

// made returns a message of the application's, which may be sent often.
func (m Message) made() Message {
	if len(m.Bytes()) >= sharedFrom {
		return m.shareable()
	}
	return m
}

// shareable returns m with a place for its compressed frame.
func (m Message) shareable() Message {
	if m.packed == nil {
		m.packed = new(packed)
	}
	return m
}

// deflated returns the compressed frame, which it makes if nobody has. M must be
// shareable.
func (m Message) deflated() []byte {
	p := m.packed
	p.once.Do(func() { p.frame = deflate(m) })
	return p.frame
}

// packs reports whether m is compressed on its way to the peer.
func (o *outbox) packs(m Message) bool {
	return o.c.opts.compress > 0 && len(m.Bytes()) >= o.c.opts.compress
}

// shared returns m with a place for its compressed frame if the peer gets that:
// whoever may send m more than once has it compressed once.
func (o *outbox) shared(m Message) Message {
	if o.packs(m) {
		return m.shareable()
	}
	return m
}

// prepared returns m so that it can be written without further ado. It is called
// without o.mu, for compressing takes its time.
func (o *outbox) prepared(m Message) Message {
	if m = o.shared(m); o.packs(m) {
		m.deflated()
	}
	return m
}

// tail ends a compressed message: the four bytes that its sender has taken away,
// and an empty last block, for the reader to see the end (RFC 7692, section
// 7.2.2).
const tail = "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff"

// taken is how much of tail the sender takes away.
const taken = 4

// deflater compresses with the level at which package flate needs least memory
// and time. A larger one gains little on messages, and several pay it each.
type deflater struct {
	out    bytes.Buffer
	writer *flate.Writer
}

var deflaters = sync.Pool{New: func() any {
	d := new(deflater)
	d.writer, _ = flate.NewWriter(&d.out, flate.BestSpeed) // the level is a valid one
	return d
}}

// deflate returns the compressed frame of m, or the plain one if that is not
// longer.
func deflate(m Message) []byte {
	d := deflaters.Get().(*deflater)
	defer d.release()
	d.writer.Reset(&d.out)
	_, _ = d.writer.Write(m.Bytes()) // into memory, which does not fail
	_ = d.writer.Flush()
	b := d.out.Bytes()
	if b = b[:len(b)-taken]; len(b) >= len(m.Bytes()) {
		return m.frame
	}
	packed := blank(m.frame[0]&0x0f|compressed, len(b))
	copy(packed.Bytes(), b)
	return packed.frame
}

func (d *deflater) release() {
	if d.out.Reset(); d.out.Cap() > maxScratch {
		d.out = bytes.Buffer{}
	}
	deflaters.Put(d)
}

// inflater is a reader of package flate, which costs 40 KB, with its source.
type inflater struct {
	in     bytes.Reader
	reader io.ReadCloser
}

var inflaters = sync.Pool{New: func() any {
	f := new(inflater)
	f.reader = flate.NewReader(&f.in)
	return f
}}

// inflate appends to b what is compressed in src, which it may append to, too.
// More than limit bytes are ErrTooBig: no more than twice as much memory is
// taken, whatever src promises.
func inflate(b, src []byte, limit int64) ([]byte, error) {
	src = append(src, tail...)
	f := inflaters.Get().(*inflater)
	defer inflaters.Put(f)
	f.in.Reset(src)
	defer f.in.Reset(nil)
	_ = f.reader.(flate.Resetter).Reset(&f.in, nil) // which returns nil
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := f.reader.Read(b[len(b):cap(b)])
		switch b = b[:len(b)+n]; {
		case int64(len(b)) > limit:
			return b, ErrTooBig
		case err == io.EOF && isEnd(src[len(src)-f.in.Len():]):
			return b, nil
		case err != nil:
			return b, ErrCompression
		}
	}
}

// isEnd reports whether nothing but the end may follow the last block. It does
// not in a message whose sender has marked a block of its own as the last (RFC
// 7692, section 7.2.3.4), with or without the empty one that belongs after it.
func isEnd(rest []byte) bool {
	return len(rest) == 0 || string(rest) == tail || string(rest) == "\x00"+tail
}
