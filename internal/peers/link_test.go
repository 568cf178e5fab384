package peers_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
)

// A link is the network between a client and the chat. It listens in, and it
// can go away without a word, as that of a phone in a tunnel does.
type link struct {
	addr string // where the chat is reached through it
	to   string // the chat

	mu    sync.Mutex
	back  chan struct{} // closed when it comes back; nil while it is there
	half  bool          // what the chat sends does arrive
	wires map[*wire]bool
	seen  seen
}

// seen is what went over a link, in all its websockets.
type seen struct {
	from         string // the last client, as the chat knows it
	extensions   string // what the chat agreed on with it
	client, chat sent
}

type sent struct {
	pings, pongs int
	codes        []int // of close frames
	packed       int   // messages that are compressed
}

func (s *sent) note(f frame) {
	switch {
	case f.op == opPing:
		s.pings++
	case f.op == opPong:
		s.pongs++
	case f.op == opClose:
		s.codes = append(s.codes, f.code())
	case f.packed:
		s.packed++
	}
}

// A wire is a connection of a client and one to the chat. Chat is nil if the
// link was gone when the client came.
type wire struct{ client, chat *net.TCPConn }

func (w *wire) close() {
	_ = w.client.SetLinger(0) // a reset: whatever was under way is lost
	_ = w.client.Close()
	if w.chat != nil {
		_ = w.chat.Close()
	}
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{addr: ln.Addr().String(), to: to, wires: make(map[*wire]bool)}
	var accepting, carrying sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			w := l.connect(conn.(*net.TCPConn))
			carrying.Go(func() { l.carry(w) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		accepting.Wait()
		l.vanish()
		l.comeBack()
		carrying.Wait()
	})
	return l
}

// vanish has nothing pass any more. Neither side is told.
func (l *link) vanish() { l.leave(false) }

// mute is vanish for what clients send.
func (l *link) mute() { l.leave(true) }

func (l *link) leave(half bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.back == nil {
		l.back, l.half = make(chan struct{}), half
	}
}

// comeBack has the link carry new connections. Those from before are lost.
func (l *link) comeBack() {
	l.mu.Lock()
	for w := range l.wires {
		w.close()
	}
	l.mu.Unlock()
	l.flow()
}

// flow has everything pass again, and what was under way arrive.
func (l *link) flow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.back)
	l.back = nil
}

// pass returns at once, or when the link has come back if it is gone for what
// goes up to the chat, or down.
func (l *link) pass(up bool) {
	l.mu.Lock()
	back, half := l.back, l.half
	l.mu.Unlock()
	if back != nil && (up || !half) {
		<-back
	}
}

// look returns what has been seen so far.
func (l *link) look() seen {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.seen
	now.client.codes, now.chat.codes = slices.Clone(now.client.codes), slices.Clone(now.chat.codes)
	return now
}

// connect connects the client with the chat, should the link and the chat be there.
func (l *link) connect(client *net.TCPConn) *wire {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &wire{client: client}
	l.wires[w] = true
	if l.back == nil {
		if conn, err := net.Dial("tcp", l.to); err == nil {
			w.chat = conn.(*net.TCPConn)
		}
	}
	return w
}

// carry carries what is sent until both sides have ended it.
func (l *link) carry(w *wire) {
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.wires, w)
		w.close()
	}()
	if w.chat == nil {
		l.pass(true)
		return
	}
	var up sync.WaitGroup
	up.Go(func() { l.pump(w.chat, w.client, true, l.watchClient) })
	l.pump(w.client, w.chat, false, func(r *bufio.Reader) { l.watchChat(r, w.chat.LocalAddr().String()) })
	up.Wait()
}

// pump passes on what comes, and then its end, and has watch look at it.
func (l *link) pump(to, from *net.TCPConn, up bool, watch func(*bufio.Reader)) {
	r := bufio.NewReader(io.TeeReader(&carried{from, l, up}, heedless{to}))
	watch(r)
	_, _ = io.Copy(io.Discard, r) // what is no websocket
	_ = to.CloseWrite()
}

// carried is what comes out of a link.
type carried struct {
	conn *net.TCPConn
	link *link
	up   bool
}

func (c *carried) Read(p []byte) (int, error) {
	n, err := c.conn.Read(p)
	c.link.pass(c.up) // neither bytes nor an end come through one that is gone
	return n, err
}

// heedless is written to even when nobody is there any more, so that all that the
// other side sends is seen.
type heedless struct{ io.Writer }

func (h heedless) Write(p []byte) (int, error) {
	_, _ = h.Writer.Write(p)
	return len(p), nil
}

// watchChat looks at what the chat sends to a client that it knows as from.
func (l *link) watchChat(r *bufio.Reader, from string) {
	response, err := http.ReadResponse(r, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		return
	}
	l.mu.Lock()
	l.seen.from, l.seen.extensions = from, response.Header.Get("Sec-WebSocket-Extensions")
	l.mu.Unlock()
	l.count(r, &l.seen.chat)
}

// watchClient looks at what a client sends.
func (l *link) watchClient(r *bufio.Reader) {
	if request, err := http.ReadRequest(r); err == nil && request.Header.Get("Upgrade") != "" {
		l.count(r, &l.seen.client)
	}
}

// count counts frames until there are no more.
func (l *link) count(r *bufio.Reader, sent *sent) {
	for {
		f, err := readFrame(r)
		if err != nil {
			return
		}
		l.mu.Lock()
		sent.note(f)
		l.mu.Unlock()
	}
}
