package adaptertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing/synctest"
	"time"
	"unsafe"
	"weak"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
)

// bodies has the cases about what clients send.
func bodies() []check {
	// E6, R10
	return []check{
		{"a body over the handler's limit is a 413, and its connection is closed", "E6", both, tooLarge},
		{"a body that comes too slowly is a 408, and its connection is closed", "E6", both, tooSlow},
		{"a large body that nobody reads does not stand in the way of the answer, or of the next request", "E6", both, unread},
		{"an upload's temporary files are removed, however the handler ends", "R10", both, uploads},
		{"the temporary files of an upload that a rule's handler reads are removed", "R10", both, uploadsForRules},
		{"middleware around the router finds the pattern and the form that the router left", "R10", both, handedBack},
		{"what a background task keeps holds neither body nor forms of its request", "R10", both, letsGo},
	}
}

const limit = 1 << 10

func tooLarge(t *trial) {
	s := t.serve(creche.Options{}, posted(func(w http.ResponseWriter, r *http.Request, _ Params) error {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
		if err != nil {
			return fmt.Errorf("the secret reader: %w", err)
		}
		_, err = fmt.Fprint(w, len(body))
		return err
	}))
	s.post("/one", strings.Repeat("x", limit)).is(http.StatusOK).says("1024")
	for _, size := range []int{limit + 1, 1 << 20} {
		r := s.post("/one", strings.Repeat("x", size)).problem(http.StatusRequestEntityTooLarge, "").hides("secret")
		if t.protocol == 1 && !r.closed {
			t.Errorf("a body of %d bytes: got the connection kept alive, want it closed", size)
		}
	}
	s.post("/one", "small").is(http.StatusOK).says("5")
}

func tooSlow(t *trial) {
	s := t.serve(creche.Options{}, posted(func(w http.ResponseWriter, r *http.Request, p Params) error {
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		if _, err := io.ReadAll(r.Body); err != nil {
			return fmt.Errorf("the secret reader: %w", err)
		}
		return ok(w, r, p)
	}))
	r := s.start(http.MethodPost, "/one", slow{}).wait().problem(http.StatusRequestTimeout, "").hides("secret")
	if t.protocol == 1 && !r.closed {
		t.Error("the connection: got it kept alive, want it closed")
	}
}

// slow is a body that takes longer than the handler has, and then breaks off.
type slow struct{}

func (slow) Read([]byte) (int, error) {
	time.Sleep(2 * time.Second)
	return 0, io.ErrUnexpectedEOF
}

func unread(t *trial) {
	s := t.serve(creche.Options{}, Group{Routes: []Route{
		{http.MethodPost, "/fails", failsWith(conflict("unread"))},
		{http.MethodPost, "/answers", ok},
	}})
	for _, size := range []int{1, 100 << 10, 1 << 20} {
		body := strings.Repeat("x", size)
		s.post("/fails", body).problem(http.StatusConflict, "unread")
		s.post("/answers", body).is(http.StatusOK).says("ok")
		s.post("/nowhere", body).problem(http.StatusNotFound, "")
	}
}

// form returns an upload with one file, and its type.
func form() (body, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", "a.txt")
	if err == nil {
		_, err = part.Write(make([]byte, 64<<10))
	}
	if err = errors.Join(err, w.WriteField("name", "tea"), w.Close()); err != nil {
		panic(err) // a Buffer takes everything
	}
	return b.String(), w.FormDataContentType()
}

// upload keeps the form's file on disk and returns its path.
func upload(r *http.Request) (path string, err error) {
	if err := r.ParseMultipartForm(1); err != nil {
		return "", err
	}
	f, err := r.MultipartForm.File["file"][0].Open()
	if err != nil {
		return "", err
	}
	file, onDisk := f.(*os.File)
	if !onDisk {
		return "", errors.Join(f.Close(), errors.New("the upload is not on disk"))
	}
	return file.Name(), f.Close()
}

func uploads(t *trial) {
	body, contentType := form()
	var path string
	outcomes := map[string]func(w http.ResponseWriter, r *http.Request) error{
		"answers": func(w http.ResponseWriter, _ *http.Request) error { return creates(w) },
		"fails":   func(http.ResponseWriter, *http.Request) error { return conflict("") },
		"panics":  func(http.ResponseWriter, *http.Request) error { panic("in an upload") },
		"failsLate": func(w http.ResponseWriter, r *http.Request) error {
			fails(r, conflict(""))
			return creates(w)
		},
	}
	for name, end := range outcomes {
		s := t.serve(creche.Options{}, posted(func(w http.ResponseWriter, r *http.Request, _ Params) error {
			var err error
			if path, err = upload(r); err != nil {
				return err
			}
			return end(w, r)
		}))
		if r := s.post("/one", body, "Content-Type", contentType); r.err != nil {
			t.Errorf("a handler that %s: %v", name, r.err)
		}
		s.take()
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the temporary file of a handler that %s: got %v, want it removed", name, err)
		}
	}
}

func uploadsForRules(t *trial) {
	body, contentType := form()
	var path string
	ends := map[string]func(w http.ResponseWriter, r *http.Request) error{
		"answers":  func(w http.ResponseWriter, r *http.Request) error { return writes("gone")(w, r, errGone) },
		"declines": func(http.ResponseWriter, *http.Request) error { return errorhandlers.ErrDecline },
		"panics":   func(http.ResponseWriter, *http.Request) error { panic("in an upload") },
	}
	for name, end := range ends {
		path = ""
		s := t.serve(creche.Options{Errors: []errorhandlers.Rule{
			errorhandlers.OnIs(errGone, func(w http.ResponseWriter, r *http.Request, _ error) error {
				var err error
				if path, err = upload(r); err != nil {
					return err
				}
				return end(w, r)
			}),
		}}, posted(failsWith(errGone)))
		if r := s.post("/one", body, "Content-Type", contentType); r.err != nil {
			t.Errorf("a rule's handler that %s: %v", name, r.err)
		}
		s.take()
		if _, err := os.Stat(path); path == "" || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the temporary file of a rule's handler that %s: got %q, %v, want it removed", name, path, err)
		}
	}
}

// handedBack compares what middleware around the router finds with what it
// finds around the router alone.
func handedBack(t *trial) {
	found := make([]string, 0, 2)
	around := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			found = append(found, fmt.Sprintf("pattern %q, form %v", r.Pattern, r.MultipartForm != nil))
		})
	}
	root := Group{Routes: []Route{{http.MethodPost, "/items/{id}", func(w http.ResponseWriter, r *http.Request, p Params) error {
		if _, err := upload(r); err != nil {
			return err
		}
		return ok(w, r, p)
	}}}}
	body, contentType := form()
	ours := t.serveBehind(around, creche.Options{}, root)
	ours.post("/items/1", body, "Content-Type", contentType).is(http.StatusOK)
	bare := &site{trial: t}
	bare.server = t.listen(around(t.adapter.Bare(root.Routes)), bare)
	bare.post("/items/1", body, "Content-Type", contentType).is(http.StatusOK)
	if synctest.Wait(); len(found) != 2 || found[0] != found[1] {
		t.Errorf("found around the router: got %q, want twice the same", found)
	}
}

// payload is something large in a request.
type payload struct {
	io.ReadCloser
	_ [64 << 10]byte
}

func letsGo(t *trial) {
	resume := t.gate()
	var body weak.Pointer[payload]
	var form weak.Pointer[byte]
	s := t.serve(creche.Options{}, posted(func(w http.ResponseWriter, r *http.Request, p Params) error {
		large := &payload{ReadCloser: r.Body}
		r.Body, body = large, weak.Make(large)
		value := strings.Repeat("x", 64<<10)
		form = weak.Make(unsafe.StringData(value))
		r.Form = url.Values{"value": {value}}
		r.PostForm = r.Form
		return errors.Join(creche.Go(r.Context(), "keeps", func(ctx context.Context) error {
			resume.pass()
			runtime.KeepAlive(ctx)
			return nil
		}), ok(w, r, p))
	}))
	s.post("/one", "body").is(http.StatusOK)
	s.get("/nowhere").problem(http.StatusNotFound, "") // the router's turn with somebody else
	synctest.Wait()
	for range 3 {
		runtime.GC()
	}
	if body.Value() != nil || form.Value() != nil {
		t.Errorf("alive while a background task runs: got body %v and form %v, want neither", body.Value() != nil, form.Value() != nil)
	}
	resume.open()
}
