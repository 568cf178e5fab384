package websocket_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
)

// answered writes the request for an upgrade and returns all that comes back.
func answered(t *testing.T, s *nurserytest.Server) string {
	t.Helper()
	conn, err := s.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, handshake+"\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	all, _ := io.ReadAll(conn)
	return string(all)
}

// telling is a writer that says whether something was written, as gin's does.
type telling struct {
	http.ResponseWriter
	begun bool
}

func (w *telling) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w *telling) Written() bool               { return w.begun }
func (w *telling) WriteHeader(status int)      { w.begun = true; w.ResponseWriter.WriteHeader(status) }
func (w *telling) Write(p []byte) (int, error) { w.begun = true; return w.ResponseWriter.Write(p) }

// counting is one that counts, as chi's does.
type counting struct {
	http.ResponseWriter
	n int
}

func (w *counting) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w *counting) BytesWritten() int           { return w.n }
func (w *counting) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.n += n
	return n, err
}

// further is a further writer around those that tell.
type further struct{ http.ResponseWriter }

func (w further) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Where a response has begun there is no upgrade: an answer takes the place of
// what is held, and what has left is not followed by a 101.
//
// W3
func TestNoUpgradeOnceTheResponseHasBegun(t *testing.T) {
	type writes = func(w http.ResponseWriter)
	write := func(w http.ResponseWriter) { _, _ = io.WriteString(w, "x") }
	flush := func(w http.ResponseWriter) { write(w); _ = http.NewResponseController(w).Flush() }
	within := func(app *creche.App) func(http.Handler) http.Handler { return app.Timeout(time.Hour) }
	tests := []struct {
		name   string
		writes writes // the handler, before the upgrade
		outer  writes // middleware around a further exchange
		answer string
	}{
		{"the handler has written a byte", write, nil, "HTTP/1.1 500 "},
		{"or a status", func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) }, nil, "HTTP/1.1 500 "},
		{"or nothing, which begins a response too", func(w http.ResponseWriter) { _, _ = w.Write(nil) }, nil, "HTTP/1.1 500 "},
		{"middleware around an exchange in the exchange has", nil, write, "HTTP/1.1 200 "},
		{"what was written has left", flush, nil, "HTTP/1.1 200 "},
		{"or left around an exchange in the exchange", nil, flush, "HTTP/1.1 200 "},
		{"a header alone begins nothing", func(w http.ResponseWriter) { w.Header().Set("X", "y") }, nil, "HTTP/1.1 101 "},
		{"nor does an informational answer", func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints) }, nil, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 "},
	}
	for _, tt := range tests {
		inBubbles(t, tt.name, func(t *testing.T, o *websocket.Options) {
			site := new(site)
			app := creche.New(creche.Options{Observe: site.observe})
			upgraded := false
			h := within(app)(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
				if tt.writes != nil {
					tt.writes(w)
				}
				err := websocket.Serve(w, r, o, returns(nil))
				upgraded = err == nil
				return err
			}))
			site.Server = nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tt.outer != nil {
					tt.outer(w)
				}
				h.ServeHTTP(w, r)
			})))
			got := answered(t, site.Server)
			if !strings.HasPrefix(got, tt.answer) {
				t.Errorf("got %q, want %q", got, tt.answer)
			}
			site.Close()
			wantUpgrade := strings.Contains(tt.answer, " 101 ")
			if strings.Contains(got, "HTTP/1.1 101 ") != wantUpgrade || upgraded != wantUpgrade {
				t.Errorf("got %q and upgraded: %v, want an upgrade: %v", got, upgraded, wantUpgrade)
			}
			if strings.HasPrefix(tt.answer, "HTTP/1.1 500 ") && strings.HasSuffix(got, "x") {
				t.Errorf("got %q, want what was held dropped", got)
			}
			reports := site.reports()
			if wantUpgrade {
				if len(reports) != 0 {
					t.Errorf("got reports %q, want none", reports)
				}
				return
			}
			if len(reports) != 1 || !strings.Contains(reports[0].Error(), "websocket: taking the connection over: the response has begun") {
				t.Errorf("got reports %q, want that the response has begun", reports)
			}
		})
	}
}

// Without an application writers are asked that tell.
//
// W3
func TestNoUpgradeWhereAWriterSaysThatTheResponseHasBegun(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"that something was written": func(w http.ResponseWriter) http.ResponseWriter { return &telling{ResponseWriter: w} },
		"how much was written":       func(w http.ResponseWriter) http.ResponseWriter { return &counting{ResponseWriter: w} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var errs bytes.Buffer
				log := logged(t)
				h := func(before string) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						w = further{wrap(w)}
						if before != "" {
							_, _ = io.WriteString(w, before)
						}
						if err := websocket.Serve(w, r, nil, returns(nil)); err != nil {
							errs.WriteString(err.Error())
						}
					})
				}
				if got := answered(t, nurserytest.NewServer(t, h("x"))); !strings.HasPrefix(got, "HTTP/1.1 200 ") || !strings.HasSuffix(got, "\r\n\r\nx") || !strings.Contains(errs.String(), "has begun") {
					t.Errorf("got %q and %q, want what was written and an error", got, errs.String())
				}
				if strings.Count(log.String(), "websocket: upgrade failed") != 1 {
					t.Errorf("logged %q, want the error", log)
				}
				errs.Reset()
				if got := answered(t, nurserytest.NewServer(t, h(""))); !strings.HasPrefix(got, "HTTP/1.1 101 ") || errs.Len() > 0 {
					t.Errorf("nothing was written: got %q and %q, want an upgrade", got, errs.String())
				}
			})
		})
	}
}
