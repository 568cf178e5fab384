// Command dashboard shows readings that change all the time, each on its row: a
// page at /, a websocket at /live. Whoever cannot keep up skips readings, and
// still has the newest of each in the end.
package main

import (
	"context"
	"embed"
	"flag"
	"log"
	"net/http"
	"sync"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/examples/internal/sensors"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/websocket"
)

//go:embed index.html
var page embed.FS

// board is the newest reading of each name, and who watches.
type board struct {
	watchers websocket.Rooms // of which there is one, without a name
	mu       sync.Mutex      // held while a reading is stored and sent, so that both go in the same order
	newest   map[string]websocket.Message
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	flag.Parse()
	app, handler := newServer()
	if err := app.ListenAndServe(context.Background(), *addr, handler); err != nil {
		log.Fatal(err)
	}
}

func newServer() (*creche.App, http.Handler) {
	app, b, mux := creche.New(creche.Options{}), &board{newest: make(map[string]websocket.Message)}, http.NewServeMux()
	app.Service("sensors", creche.Daemon(nursery.Every(time.Second/10, sensors.Read(b.set))))
	mux.Handle("GET /", http.FileServerFS(page))
	mux.Handle("GET /live", creche.Handler(b.live))
	return app, httpcreche.Wrap(mux, app)
}

// set has everybody see a value. It waits for nobody.
func (b *board) set(name string, value int) error {
	m, err := websocket.JSON(map[string]any{"name": name, "value": value})
	if err != nil {
		return err
	}
	m = m.Keyed(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.newest[name] = m
	b.watchers.To("").Broadcast(m) // which does not block: it conflates
	return nil
}

// live is one watcher's stay: the board as it is, and from then on each change.
// What waits for a slow browser is replaced by the next of the same key.
func (b *board) live(w http.ResponseWriter, r *http.Request) error {
	o := &websocket.Options{Slow: websocket.Conflate}
	return websocket.Serve(w, r, o, func(ctx context.Context, c *websocket.Conn) (err error) {
		b.mu.Lock()
		for _, m := range b.newest {
			_ = c.TrySend(m) // if it fails, c has ended
		}
		b.watchers.Join(c, "") // between two changes
		b.mu.Unlock()
		for err == nil { // watchers have nothing to say
			_, err = c.Receive(ctx)
		}
		return err
	})
}
