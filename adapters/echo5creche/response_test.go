package echo5creche_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche/adapters/echo5creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"
)

// forgetful is middleware that leaves a request of its own behind.
func forgetful(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		type key struct{}
		c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), key{}, 1)))
		return next(c)
	}
}

// leaving is what a handler does, and what leaves.
var leaving = []struct {
	name      string
	handler   echo.HandlerFunc
	status    int
	size      int64
	committed bool
}{
	{"a response", func(c *echo.Context) error { return c.String(http.StatusCreated, "made") }, 201, 4, true},
	{"a task that fails late", func(c *echo.Context) error {
		nursery.From(c.Request().Context()).Go(func(context.Context) error { return &soldOut{"tea"} })
		return c.String(http.StatusCreated, "made")
	}, 409, 6, true},
	{"a panic", func(*echo.Context) error { panic("secret") }, 500, int64(len(problem500)), true},
}

// R2: what outer middleware finds in the Response is what has left.
func TestOuterMiddlewareSeesWhatHasLeft(t *testing.T) {
	for _, tt := range leaving {
		t.Run(tt.name, func(t *testing.T) {
			app, _ := newApp(onSoldOut(http.StatusConflict))
			e := echo.New()
			var status int
			var size int64
			e.Use(middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
				LogStatus: true, LogResponseSize: true,
				LogValuesFunc: func(_ *echo.Context, v middleware.RequestLoggerValues) error {
					status, size = v.Status, v.ResponseSize
					return nil
				},
			}))
			e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c *echo.Context) error {
					request, response := c.Request(), c.Response()
					err := next(c)
					if c.Request() != request || c.Response() != response {
						t.Error("request and response: got others, want those that echo made")
					}
					if r, _ := echo.UnwrapResponse(response); r.Committed != tt.committed {
						t.Errorf("committed: got %v, want %v", r.Committed, tt.committed)
					}
					return err
				}
			})
			echo5creche.Use(e, app)
			e.Use(forgetful, func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c *echo.Context) error {
					if r, _ := echo.UnwrapResponse(c.Response()); r.Status != http.StatusOK || r.Committed {
						t.Errorf("inside: got status %d, committed %v, want a response as new", r.Status, r.Committed)
					}
					return next(c)
				}
			})
			e.GET("/", tt.handler)
			w := do(e, "GET", "/", "")
			if w.Code != tt.status || status != tt.status || size != tt.size || int64(w.Body.Len()) != tt.size {
				t.Errorf("got %d with %d bytes, logged as %d with %d, want %d with %d", w.Code, w.Body.Len(), status, size, tt.status, tt.size)
			}
		})
	}
}

// R2
func TestFunctionsBeforeTheResponseRunForTheTrueAnswer(t *testing.T) {
	app, _ := newApp(onSoldOut(http.StatusConflict))
	before := func(name string) echo.MiddlewareFunc {
		return func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c *echo.Context) error {
				r, _ := echo.UnwrapResponse(c.Response())
				r.Before(func() { c.Response().Header().Add("Before", name) })
				return next(c)
			}
		}
	}
	e := echo.New()
	e.Use(before("outside"))
	echo5creche.Use(e, app)
	e.Use(before("inside"))
	e.GET("/ok", func(c *echo.Context) error { return c.String(http.StatusOK, "ok") })
	e.GET("/error", func(c *echo.Context) error { return &soldOut{"tea"} })
	e.GET("/both", func(c *echo.Context) error {
		_ = c.String(http.StatusCreated, "made")
		return &soldOut{"tea"}
	})
	for _, path := range []string{"/ok", "/error", "/both", "/nowhere"} {
		if got := fmt.Sprint(do(e, "GET", path, "").Header()["Before"]); got != "[inside outside]" {
			t.Errorf("%s: got %s, want each once", path, got)
		}
	}
}

// R4
func TestCompression(t *testing.T) {
	large := strings.Repeat("compressible ", 1000)
	for _, place := range []string{"inside", "outside", "inside with a minimum", "outside with a minimum"} {
		app, told := newApp(onSoldOut(http.StatusConflict))
		mw := middleware.Gzip()
		if strings.HasSuffix(place, "minimum") {
			mw = middleware.GzipWithConfig(middleware.GzipConfig{MinLength: 100})
		}
		e := echo.New()
		if strings.HasPrefix(place, "outside") {
			e.Use(mw)
		}
		echo5creche.Use(e, app)
		if strings.HasPrefix(place, "inside") {
			e.Use(mw)
		}
		e.GET("/small", func(c *echo.Context) error { return c.String(http.StatusOK, "small") })
		e.GET("/large", func(c *echo.Context) error { return c.String(http.StatusOK, large) })
		e.GET("/none", func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) })
		e.GET("/error", func(*echo.Context) error { return &soldOut{"tea"} })
		e.GET("/both", func(c *echo.Context) error {
			_ = c.String(http.StatusCreated, strings.Repeat("x", 200))
			return &soldOut{"tea"}
		})
		for _, tt := range []struct {
			path   string
			status int
			body   string
		}{
			{"/small", 200, "small"}, {"/large", 200, large}, {"/none", 204, ""},
			{"/error", 409, "no tea"}, {"/both", 409, "no tea"}, {"/nowhere", 404, problem404},
		} {
			t.Run(place+" "+tt.path, func(t *testing.T) {
				w := do(e, "GET", tt.path, "", "Accept-Encoding", "gzip")
				if got := unzip(t, w); w.Code != tt.status || got != tt.body {
					t.Errorf("got %d %.40q as %q, want %d %.40q", w.Code, got, w.Header().Get("Content-Encoding"), tt.status, tt.body)
				}
				told.check(t)
			})
		}
	}
}

func unzip(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Header().Get("Content-Encoding") != "gzip" {
		return w.Body.String()
	}
	z, err := gzip.NewReader(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}

// R4
func TestInformationalResponsesLeaveAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, told := newApp()
		e := echo.New()
		echo5creche.Use(e, app)
		e.GET("/", func(c *echo.Context) error {
			r, _ := echo.UnwrapResponse(c.Response())
			r.Unwrap().WriteHeader(http.StatusEarlyHints)
			return c.String(http.StatusCreated, "made")
		})
		s := nurserytest.NewServer(t, e)
		var early []int
		r, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
				early = append(early, code)
				return nil
			},
		}), http.MethodGet, s.URL, nil)
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if fmt.Sprint(early, resp.StatusCode) != "[103] 201" {
			t.Errorf("got %v and then %d, want a 103 and then 201", early, resp.StatusCode)
		}
		told.check(t)
	})
}

// R4
func TestAConnectionThatWasTakenOverIsNotAnsweredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, told := newApp()
		e := echo.New()
		e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c *echo.Context) error {
				_ = next(c)
				if r, _ := echo.UnwrapResponse(c.Response()); !r.Committed {
					t.Error("committed: got false, want true after the take-over")
				}
				return errPlain
			}
		})
		echo5creche.Use(e, app)
		e.GET("/", func(c *echo.Context) error {
			conn, _, err := http.NewResponseController(c.Response()).Hijack()
			if err != nil {
				return err
			}
			_, err = io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nmy")
			return err
		})
		s := nurserytest.NewServer(t, e)
		conn, err := s.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		buf := make([]byte, 512)
		n, err := conn.Read(buf)
		if !strings.HasPrefix(string(buf[:n]), "HTTP/1.1 202") {
			t.Errorf("got %q and %v, want the handler's own response", buf[:n], err)
		}
		synctest.Wait()
		told.check(t, errPlain)
	})
}

// R4: a Flush before anything is written is how a stream of events begins. Echo's
// Response takes no note of it, and has its status written again.
func TestAFlushBeforeAnythingIsWritten(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int // after the flush
		said   int // by echo
	}{
		{"the same status", http.StatusOK, 0},
		{"another, which comes too late", http.StatusTeapot, 1},
	} {
		var log bytes.Buffer
		app, told := newApp()
		e := echo.New()
		e.Logger = slog.New(slog.NewTextHandler(&log, nil))
		echo5creche.Use(e, app)
		e.GET("/", func(c *echo.Context) error {
			if err := http.NewResponseController(c.Response()).Flush(); err != nil {
				return err
			}
			return c.String(tt.status, "data: 1\n\n")
		})
		checkAnswer(t, do(e, http.MethodGet, "/", ""), http.StatusOK, "data: 1\n\n")
		if got := strings.Count(log.String(), "response already written to client"); got != tt.said {
			t.Errorf("%s: got log %s, want %d lines", tt.name, &log, tt.said)
		}
		told.check(t)
	}
}
