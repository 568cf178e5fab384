package main

import (
	"context"
	"net/http"

	"github.com/centrifugal/centrifuge"
)

// serveCentrifuge has everybody subscribed to one channel, and publishes there
// what comes from a connection at /publish, as a backend does.
func serveCentrifuge(mux *http.ServeMux) error {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{},
			Subscriptions: map[string]centrifuge.SubscribeOptions{"all": {}},
		}, nil
	})
	node.OnConnect(func(*centrifuge.Client) {})
	if err := node.Run(); err != nil {
		return err
	}
	mux.Handle("/ws", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		PingPongConfig: centrifuge.PingPongConfig{PingInterval: -1, PongTimeout: -1}, // its pings are messages
	}))
	mux.HandleFunc("/publish", func(w http.ResponseWriter, r *http.Request) {
		c, err := gorilla.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			_, m, err := c.ReadMessage()
			if err != nil {
				return
			}
			if _, err := node.Publish("all", m); err != nil {
				return
			}
		}
	})
	return nil
}
