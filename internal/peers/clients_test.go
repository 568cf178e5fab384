package peers_test

import (
	"context"
	"errors"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
	"github.com/lxzan/gws"
)

// clients are all that are tried. Each offers compression, as a browser does.
var clients = []client{
	{name: "chromium", start: startPage},
	{name: "ws", start: node("ws")},
	{name: "undici", start: node("undici"), plain: true},
	{name: "websockets", start: python("with_websockets.py")},
	{name: "aiohttp", start: python("with_aiohttp.py")},
	{name: "gorilla", start: inProcess(func(saw func(event)) dialer { return &gorillaClient{saw: saw} })},
	{name: "gws", start: inProcess(func(saw func(event)) dialer { return &gwsClient{saw: saw} })},
	{name: "coder", start: inProcess(func(saw func(event)) dialer { return &coderClient{saw: saw} })},
}

// dialer is a client in Go.
type dialer interface {
	dial(url string) error
	send(text string) error
	close(code int, reason string) error
}

func inProcess(from func(saw func(event)) dialer) func(*testing.T, string, func(event)) func(command) {
	return func(t *testing.T, _ string, saw func(event)) func(command) {
		client := from(saw)
		t.Cleanup(func() { _ = client.close(1000, "") })
		return func(c command) {
			switch c.Do {
			case "dial":
				if err := client.dial(c.URL); err != nil {
					saw(event{Saw: "failed", Text: err.Error()})
				}
			case "send":
				_ = client.send(c.Text) // whoever is closed meanwhile sees that
			case "close":
				_ = client.close(c.Code, c.Reason)
			}
		}
	}
}

type gorillaClient struct {
	saw  func(event)
	conn *gorilla.Conn
}

func (g *gorillaClient) dial(url string) (err error) {
	d := gorilla.Dialer{EnableCompression: true}
	if g.conn, _, err = d.Dial(url, nil); err == nil {
		g.conn.SetPingHandler(g.pong)
		g.saw(event{Saw: "open"})
		go g.read(g.conn)
	}
	return err
}

// pong is there for its patience. Gorilla's own handler has a second for it, and
// a connection that was late once never writes again.
func (g *gorillaClient) pong(text string) error {
	_ = g.conn.WriteControl(gorilla.PongMessage, []byte(text), time.Now().Add(patience)) // whoever is closed meanwhile sees that
	return nil
}

func (g *gorillaClient) read(conn *gorilla.Conn) {
	defer conn.Close()
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			end := &gorilla.CloseError{Code: gorilla.CloseAbnormalClosure}
			errors.As(err, &end)
			g.saw(event{Saw: "closed", Code: end.Code, Reason: end.Text})
			return
		}
		g.saw(event{Saw: "text", Text: string(text)})
	}
}

func (g *gorillaClient) send(text string) error {
	return g.conn.WriteMessage(gorilla.TextMessage, []byte(text))
}

func (g *gorillaClient) close(code int, reason string) error {
	return g.conn.WriteControl(gorilla.CloseMessage, gorilla.FormatCloseMessage(code, reason), time.Now().Add(patience))
}

type gwsClient struct {
	gws.BuiltinEventHandler // answers pings
	saw                     func(event)
	conn                    *gws.Conn
}

func (g *gwsClient) dial(url string) (err error) {
	o := &gws.ClientOption{Addr: url, PermessageDeflate: gws.PermessageDeflate{Enabled: true}}
	if g.conn, _, err = gws.NewClient(g, o); err == nil {
		g.saw(event{Saw: "open"})
		go g.conn.ReadLoop()
	}
	return err
}

func (g *gwsClient) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	g.saw(event{Saw: "text", Text: string(m.Bytes())})
}

func (g *gwsClient) OnClose(_ *gws.Conn, err error) {
	end := &gws.CloseError{Code: 1006}
	errors.As(err, &end)
	g.saw(event{Saw: "closed", Code: int(end.Code), Reason: string(end.Reason)})
}

func (g *gwsClient) send(text string) error { return g.conn.WriteString(text) }

func (g *gwsClient) close(code int, reason string) error {
	return g.conn.WriteClose(uint16(code), []byte(reason))
}

type coderClient struct {
	saw  func(event)
	conn *coder.Conn
}

func (c *coderClient) dial(url string) (err error) {
	o := &coder.DialOptions{CompressionMode: coder.CompressionContextTakeover}
	if c.conn, _, err = coder.Dial(context.Background(), url, o); err == nil {
		c.saw(event{Saw: "open"})
		c.conn.SetReadLimit(-1)
		go c.read(c.conn)
	}
	return err
}

func (c *coderClient) read(conn *coder.Conn) {
	for {
		_, text, err := conn.Read(context.Background())
		if err != nil {
			end := coder.CloseError{Code: coder.StatusAbnormalClosure}
			errors.As(err, &end)
			c.saw(event{Saw: "closed", Code: int(end.Code), Reason: end.Reason})
			return
		}
		c.saw(event{Saw: "text", Text: string(text)})
	}
}

func (c *coderClient) send(text string) error {
	return c.conn.Write(context.Background(), coder.MessageText, []byte(text))
}

func (c *coderClient) close(code int, reason string) error {
	return c.conn.Close(coder.StatusCode(code), reason)
}
