package creche_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
)

// filesIn returns how many temporary files there are.
func filesIn(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// R10: net/http removes the temporary files of the form it knows.
func TestMultipartFilesAreRemoved(t *testing.T) {
	parse := func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1); err != nil {
			t.Error(err)
		}
		if got := filesIn(t); got != 1 {
			t.Errorf("got %d temporary files during the request, want 1", got)
		}
		fmt.Fprint(w, "read")
	}
	taken := errors.New("taken")
	on := func(end func() error) http.Handler {
		app, _ := watched(creche.Options{Errors: []errorhandlers.Rule{
			errorhandlers.OnIs(taken, func(w http.ResponseWriter, r *http.Request, _ error) error {
				parse(w, r)
				return end()
			}),
		}})
		return app.Middleware(app.Timeout(time.Minute)(failing(taken)))
	}
	app, _ := watched(creche.Options{})
	tests := map[string]http.Handler{
		"the handler of an exchange in an exchange": app.Middleware(app.Middleware(http.HandlerFunc(parse))),
		"a rule's handler":                          on(func() error { return nil }),
		"a rule's handler that declines":            on(func() error { return errorhandlers.ErrDecline }),
		"a rule's handler that fails":               on(func() error { return io.ErrUnexpectedEOF }),
		"a rule's handler that panics":              on(func() error { panic("in a rule") }),
		"a rule's handler that aborts":              on(func() error { panic(http.ErrAbortHandler) }),
		"a rule's handler that exits":               on(func() error { runtime.Goexit(); return nil }),
	}
	for name, h := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			srv := httptest.NewServer(h)
			body, contentType := upload(t)
			res, err := srv.Client().Post(srv.URL, contentType, body)
			if err == nil {
				res.Body.Close()
			}
			srv.Close() // waits for the handler
			if got := filesIn(t); got != 0 {
				t.Errorf("got %d temporary files after the request, want 0", got)
			}
		})
	}
}

// upload returns a form with a file that net/http does not keep in memory, and a
// name, and its type.
func upload(t *testing.T) (body io.Reader, contentType string) {
	t.Helper()
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part, err := m.CreateFormFile("file", "a.txt")
	if err == nil {
		_, err = io.WriteString(part, repeat(64<<10))
	}
	if err = errors.Join(err, m.WriteField("name", "tea"), m.Close()); err != nil {
		t.Fatal(err)
	}
	return &form, m.FormDataContentType()
}

// R10: a body can be read only once.
func TestNextRuleFindsTheFormThatOneHasParsed(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	app, _ := watched(creche.Options{Errors: []errorhandlers.Rule{
		errorhandlers.OnIs(first, func(_ http.ResponseWriter, r *http.Request, _ error) error {
			_ = r.FormValue("name")
			return errorhandlers.ErrDecline
		}),
		errorhandlers.OnIs(second, func(w http.ResponseWriter, r *http.Request, _ error) error {
			_, err := io.WriteString(w, r.FormValue("name"))
			return err
		}),
	}})
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("name=tea"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	got := httptest.NewRecorder()
	app.Middleware(failing(errors.Join(first, second))).ServeHTTP(got, r)
	if got.Body.String() != "tea" {
		t.Errorf("got %q, want tea", got.Body)
	}
}

// R10
func TestEndedExchangeLetsGoOfBodyAndForms(t *testing.T) {
	app, _ := watched(creche.Options{})
	var kept *http.Request
	h := app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		kept = r
		if err := r.ParseForm(); err != nil || r.Form.Get("a") != "b" {
			t.Errorf("got form %v (%v), want a=b", r.Form, err)
		}
		r.Body = io.NopCloser(strings.NewReader("read again")) // as many a middleware does
	}))
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("a=b"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if kept.Form != nil || kept.PostForm != nil || kept.MultipartForm != nil || kept.Body != http.NoBody {
		t.Errorf("got form %v and body %v after the request, want neither", kept.Form, kept.Body)
	}
}

// R10
func TestOuterRequestGetsItsFormBack(t *testing.T) {
	app, _ := watched(creche.Options{})
	h := app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Error(err)
		}
	}))
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n--b--\r\n"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if r.MultipartForm == nil || r.MultipartForm.Value["a"][0] != "value" {
		t.Errorf("got form %v outside, want the one that was parsed inside", r.MultipartForm)
	}
}
