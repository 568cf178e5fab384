// Command chat is a chat room: a page at /, a websocket at /ws, how many are there
// at GET /who, rooms that tell who comes and goes at /ws/{room}?name=Ann, and a
// job at POST /jobs that works in the background and announces its end in the
// room.
//
// Read newServer in this file first, then chat.go.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/chicreche"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	flag.DurationVar(&options.PingEvery, "ping-every", 30*time.Second, "how long a visitor may be silent until a ping is sent")
	flag.DurationVar(&options.PongWithin, "pong-within", 10*time.Second, "how long after a ping until a silent visitor is sent away")
	flag.IntVar(&options.Compress, "compress", 0, "compress messages of so many bytes and more for browsers that can; 0: none")
	flag.BoolVar(&options.Plain, "plain", false, "have the frames be read and written by github.com/coder/websocket")
	flag.Parse()

	err := options.Check() // here, and not when somebody connects
	if err == nil {
		app, handler := newServer()
		err = app.ListenAndServe(context.Background(), *addr, handler)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

// newServer returns all of the program but the listener. Its tests bring their own.
func newServer() (*creche.App, http.Handler) {
	app := creche.New(creche.Options{})
	c := new(chat)
	c.named.OnPresence = announcePresence

	r := chi.NewRouter()
	chicreche.Use(r, app)
	r.Get("/", creche.Handler(page))
	r.Get("/ws", creche.Handler(c.socket))
	r.Get("/ws/{room}", creche.Handler(c.enter))
	r.Get("/who", creche.Handler(c.who))
	r.Post("/jobs", creche.Handler(c.startJob))
	return app, r
}
