package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	slots = 128 // the largest window; not more than any server's queue holds
	warm  = 300 * time.Millisecond
)

// load is the clients of a sample.
type load struct {
	plan
	dialect
	began    time.Time
	conns    []net.Conn
	arrived  [slots]atomic.Int32 // how many have a message, by its number
	free     chan struct{}       // one for each message that may still be sent
	received atomic.Int64
	counts   atomic.Bool                // deliveries are counted as late as they are
	late     [maxLate + 1]atomic.Uint32 // by hundredths of a millisecond
	slowest  atomic.Int64
	fault    chan error // of capacity 1
}

const (
	lateUnit = 10 * time.Microsecond
	maxLate  = 100_000 // a second
)

// sample measures a server once.
func sample(name string, p plan) (r result, err error) {
	l := &load{plan: p, dialect: dialectOf(name), began: time.Now(), free: make(chan struct{}, p.window), fault: make(chan error, 1)}
	if l.echo && l.noEcho {
		return r, errCannot
	}
	s, err := start(name)
	if err != nil {
		return r, err
	}
	defer s.stop()
	before, err := s.usage("?memory")
	if err != nil {
		return r, err
	}
	defer l.close()
	if err := l.connect(s.addr); err != nil {
		return r, err
	}
	time.Sleep(warm) // for the servers to let go of what the handshakes took
	after, err := s.usage("?memory")
	if err != nil {
		return r, err
	}
	r.idle = (after.memory - before.memory) / p.clients
	return r, l.run(s, &r)
}

// connect opens the connections, the last of which only publishes if the server
// wants one for that.
func (l *load) connect(addr string) error {
	path := "/ws"
	if l.echo {
		path = "/echo"
	}
	for range l.clients {
		if err := l.dial(addr, path, l.hello); err != nil {
			return err
		}
	}
	if l.publish != "" {
		return l.dial(addr, l.publish, "")
	}
	return nil
}

func (l *load) dial(addr, path, hello string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	l.conns = append(l.conns, conn)
	if len(l.conns) > l.clients-l.stalled && path != l.publish {
		_ = conn.(*net.TCPConn).SetReadBuffer(1) // for the network to keep little
	}
	if _, err := conn.Write([]byte(upgrade(path, addr))); err != nil {
		return err
	}
	br := bufio.NewReader(conn)
	response, err := http.ReadResponse(br, nil)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusSwitchingProtocols || br.Buffered() > 0 {
		return fmt.Errorf("got %s and %d bytes, want an upgrade", response.Status, br.Buffered())
	}
	if hello == "" {
		return nil
	}
	if err := say(conn, hello); err != nil {
		return err
	}
	var answer [1024]byte
	_, err = conn.Read(answer[:])
	return err
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
	over := make(chan struct{})
	defer close(over)
	if l.echo {
		for _, conn := range l.conns {
			tasks.Go(func() { l.echoes(conn) })
		}
	} else {
		for _, conn := range l.conns[:l.clients-l.stalled] {
			tasks.Go(func() { l.read(conn) })
		}
		tasks.Go(func() { l.publishes(over) })
	}
	if err := l.wait(l.warm); err != nil {
		return err
	}
	return l.measure(s, r)
}

func (l *load) measure(s *server, r *result) error {
	if l.profile != "" {
		defer s.profile(l.profile, l.long)()
	}
	before, err := s.usage("")
	if err != nil {
		return err
	}
	received, began := l.received.Load(), time.Now()
	l.counts.Store(true)
	if err := l.wait(l.long); err != nil {
		return err
	}
	after, err := s.usage("")
	if err != nil {
		return err
	}
	n := l.received.Load() - received
	if n == 0 {
		return errors.New("nothing arrives")
	}
	r.perSecond = float64(n) / time.Since(began).Seconds()
	r.cpu = time.Duration((after.cpu - before.cpu) * 1000 / n)
	r.allocs = float64(after.allocs-before.allocs) / float64(n)
	r.late, r.slowest = l.percentile(), time.Duration(l.slowest.Load())
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

// publishes sends a message whenever another may be under way.
func (l *load) publishes(over <-chan struct{}) {
	conn := l.conns[0]
	if l.publish != "" {
		conn = l.conns[l.clients]
	}
	for range l.window {
		l.free <- struct{}{}
	}
	b, at := frameOf(l.size)
	for number := uint64(0); ; number++ {
		select {
		case <-over:
			return
		case <-l.free:
		}
		stamp(b[at:], number, time.Since(l.began))
		if _, err := conn.Write(b); err != nil {
			l.fail(err)
			return
		}
	}
}

// echoes sends a message whenever the last has come back.
func (l *load) echoes(conn net.Conn) {
	b, at := frameOf(l.size)
	send := func() error {
		stamp(b[at:], 0, time.Since(l.began))
		_, err := conn.Write(b)
		return err
	}
	err := send()
	for buf, held := make([]byte, 2*maxSize), 0; err == nil; {
		n, e := conn.Read(buf[held:])
		if held += n; e != nil {
			err = e
			break
		}
		payload, whole := payloadOf(buf[:held])
		if whole == 0 {
			continue
		}
		if whole != held || len(payload) != l.size {
			err = fmt.Errorf("got %d bytes and %d more, want %d", len(payload), held-whole, l.size)
			break
		}
		if _, err = l.note(payload, time.Since(l.began)); err == nil {
			l.received.Add(1)
			held, err = 0, send()
		}
	}
	l.fail(err)
}

// read takes frames apart, and allocates nothing while it does.
func (l *load) read(conn net.Conn) {
	buf, held := make([]byte, l.bufferSize()), 0
	for {
		n, err := conn.Read(buf[held:])
		if err != nil {
			l.fail(err)
			return
		}
		held += n
		now, done, messages := time.Since(l.began), 0, 0
		for {
			payload, whole := payloadOf(buf[done:held])
			if whole == 0 {
				break
			}
			done += whole
			n, err := l.take(payload, now)
			if err != nil {
				l.fail(err)
				return
			}
			messages += n
		}
		l.received.Add(int64(messages))
		held = copy(buf, buf[done:held])
	}
}

// bufferSize leaves room for the largest frame, in which one of the servers has
// 16 messages, and lets ten thousand clients have less than a hundred.
func (l *load) bufferSize() int {
	return max(min(64<<20/l.clients, 64<<10), 16*(len(l.prefix)+l.size+len(l.suffix)+1)+16)
}

// take counts the deliveries in a frame.
func (l *load) take(payload []byte, now time.Duration) (n int, err error) {
	each := len(l.prefix) + l.size + len(l.suffix)
	for ; len(payload) >= each; n++ {
		number, err := l.note(payload[len(l.prefix):len(l.prefix)+l.size], now)
		if err != nil {
			return n, err
		}
		slot := &l.arrived[number%slots]
		if slot.Add(1) == int32(l.clients-l.stalled) { // the last one lets another be sent
			slot.Store(0)
			l.free <- struct{}{}
		}
		payload = payload[min(each+len("\n"), len(payload)):]
	}
	return n, nil
}

// note notes how late a message is.
func (l *load) note(message []byte, now time.Duration) (number uint64, err error) {
	number, sent, err := stamped(message)
	if err == nil && l.counts.Load() {
		late := now - sent
		l.late[min(max(late/lateUnit, 0), maxLate)].Add(1)
		for slowest := l.slowest.Load(); int64(late) > slowest && !l.slowest.CompareAndSwap(slowest, int64(late)); {
			slowest = l.slowest.Load()
		}
	}
	return number, err
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
