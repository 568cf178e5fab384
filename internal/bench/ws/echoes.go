package main

import (
	"net/http"

	coder "github.com/coder/websocket"
	"github.com/lxzan/gws"
	"github.com/olahol/melody"
)

// echoLimit is what the servers take that have a limit below the largest size.
const echoLimit = maxSize

func echoCoder(w http.ResponseWriter, r *http.Request) {
	c, err := coder.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	ctx := r.Context()
	for {
		kind, m, err := c.Read(ctx)
		if err != nil || c.Write(ctx, kind, m) != nil {
			return
		}
	}
}

func echoGorilla(w http.ResponseWriter, r *http.Request) {
	c, err := gorilla.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	for {
		kind, m, err := c.ReadMessage()
		if err != nil || c.WriteMessage(kind, m) != nil {
			return
		}
	}
}

type gwsEcho struct{ gws.BuiltinEventHandler }

func (gwsEcho) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	_ = c.WriteMessage(m.Opcode, m.Bytes())
}

func echoGws() http.HandlerFunc {
	upgrader := gws.NewUpgrader(gwsEcho{}, nil)
	return func(w http.ResponseWriter, r *http.Request) {
		if c, err := upgrader.Upgrade(w, r); err == nil {
			c.ReadLoop()
		}
	}
}

func newMelody() *melody.Melody {
	m := melody.New()
	m.Config.MaxMessageSize, m.Config.MessageBufferSize = echoLimit, queue
	return m
}

func melodyRoom() http.HandlerFunc {
	m := newMelody()
	m.HandleMessageBinary(func(_ *melody.Session, b []byte) { _ = m.BroadcastBinary(b) })
	return func(w http.ResponseWriter, r *http.Request) { _ = m.HandleRequest(w, r) }
}

func echoMelody() http.HandlerFunc {
	m := newMelody()
	m.HandleMessageBinary(func(s *melody.Session, b []byte) { _ = s.WriteBinary(b) })
	return func(w http.ResponseWriter, r *http.Request) { _ = m.HandleRequest(w, r) }
}
