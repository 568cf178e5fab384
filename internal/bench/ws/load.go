package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	slots = 128             // the largest window; not more than any server's queue holds
	frame = 2 + 2 + message // as a server sends it
	warm  = 300 * time.Millisecond
)

// load is the clients of a sample.
type load struct {
	plan
	began    time.Time
	conns    []net.Conn
	arrived  [slots]atomic.Int32 // how many have a message, by its number
	free     chan struct{}       // one for each message that may still be sent
	received atomic.Int64
	counts   atomic.Bool                // deliveries are counted as late as they are
	late     [maxLate + 1]atomic.Uint32 // by hundredths of a millisecond
	fault    chan error                 // of capacity 1
}

const (
	lateUnit = 10 * time.Microsecond
	maxLate  = 100_000 // a second
)

// sample measures a server once.
func sample(name string, p plan) (r result, err error) {
	s, err := start(name)
	if err != nil {
		return r, err
	}
	defer s.stop()
	_, before, err := s.usage("?memory")
	if err != nil {
		return r, err
	}
	l := &load{plan: p, began: time.Now(), free: make(chan struct{}, p.window), fault: make(chan error, 1)}
	defer l.close()
	if err := l.connect(s.addr); err != nil {
		return r, err
	}
	time.Sleep(warm) // for the servers to let go of what the handshakes took
	_, after, err := s.usage("?memory")
	if err != nil {
		return r, err
	}
	r.idle = (after - before) / p.clients
	return r, l.run(s, &r)
}

func (l *load) connect(addr string) error {
	for range l.clients {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		l.conns = append(l.conns, conn)
		fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", addr)
		br := bufio.NewReader(conn)
		response, err := http.ReadResponse(br, nil)
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusSwitchingProtocols || br.Buffered() > 0 {
			return fmt.Errorf("got %s and %d bytes, want an upgrade", response.Status, br.Buffered())
		}
	}
	return nil
}

func (l *load) close() {
	for _, conn := range l.conns {
		_ = conn.Close()
	}
}

// run publishes and measures.
func (l *load) run(s *server, r *result) error {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer l.close()
	for _, conn := range l.conns[:l.clients-l.stalled] {
		tasks.Go(func() { l.read(conn) })
	}
	for range l.window {
		l.free <- struct{}{}
	}
	over := make(chan struct{})
	defer close(over)
	tasks.Go(func() { l.publish(l.conns[0], over) })
	if err := l.wait(warm); err != nil {
		return err
	}
	cpu, _, err := s.usage("")
	if err != nil {
		return err
	}
	received, began := l.received.Load(), time.Now()
	l.counts.Store(true)
	if err := l.wait(l.long); err != nil {
		return err
	}
	spent, _, err := s.usage("")
	if err != nil {
		return err
	}
	n := l.received.Load() - received
	if n == 0 {
		return errors.New("nothing arrives")
	}
	r.perSecond = float64(n) / time.Since(began).Seconds()
	r.cpu = time.Duration((spent - cpu) * 1000 / n)
	r.late = l.percentile()
	return nil
}

func (l *load) wait(d time.Duration) error {
	select {
	case err := <-l.fault:
		return err
	case <-time.After(d):
		return nil
	}
}

// publish sends a message whenever another may be under way. Its payload begins
// with its number and its time.
func (l *load) publish(conn net.Conn, over <-chan struct{}) {
	var b [2 + 2 + 4 + message]byte // with a mask of zeros, which changes nothing
	copy(b[:], []byte{0x82, 0x80 | 126, 0, message})
	for number := uint64(0); ; number++ {
		select {
		case <-over:
			return
		case <-l.free:
		}
		binary.BigEndian.PutUint64(b[8:], number)
		binary.BigEndian.PutUint64(b[16:], uint64(time.Since(l.began)))
		if _, err := conn.Write(b[:]); err != nil {
			l.fail(err)
			return
		}
	}
}

// read takes frames apart, which all have the same length, and allocates nothing
// while it does.
func (l *load) read(conn net.Conn) {
	buf, held := make([]byte, 64<<10), 0
	for {
		n, err := conn.Read(buf[held:])
		if err != nil {
			l.fail(err)
			return
		}
		held += n
		now, done := time.Since(l.began), 0
		for ; held-done >= frame; done += frame {
			if buf[done] != 0x82 || buf[done+3] != message {
				l.fail(fmt.Errorf("got a frame that begins with %x", buf[done:done+4]))
				return
			}
			l.take(buf[done+4:], now)
		}
		l.received.Add(int64(done / frame))
		held = copy(buf, buf[done:held])
	}
}

// take counts a delivery. The last one of a message lets another be sent.
func (l *load) take(payload []byte, now time.Duration) {
	if l.counts.Load() {
		late := now - time.Duration(binary.BigEndian.Uint64(payload[8:]))
		l.late[min(max(late/lateUnit, 0), maxLate)].Add(1)
	}
	slot := &l.arrived[binary.BigEndian.Uint64(payload)%slots]
	if slot.Add(1) == int32(l.clients-l.stalled) {
		slot.Store(0)
		l.free <- struct{}{}
	}
}

func (l *load) fail(err error) {
	select {
	case l.fault <- err:
	default:
	}
}

func (l *load) percentile() time.Duration {
	var all, below int64
	for i := range l.late {
		all += int64(l.late[i].Load())
	}
	for i := range l.late {
		if below += int64(l.late[i].Load()); below*100 >= all*99 {
			return time.Duration(i+1) * lateUnit
		}
	}
	return 0
}
