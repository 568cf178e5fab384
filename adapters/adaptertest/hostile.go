package adaptertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
)

// hostile has the cases about errors made in bad faith, and about clients that
// are not as they should be.
func hostile() []check {
	// E5, E6, E8, R1, R5, R6
	return []check{
		{"an error that cannot be compared, is a typed nil, a ring or very deep is answered, and reported once", "E8", both, hostileErrors},
		{"requests that are pipelined are answered in turn, whatever becomes of those before", "R1, R6", 1, pipelined},
		{"a client that leaves behind pipelined requests leaves nothing of them running, and no failure untold", "R5, E5", 1, pipelinedAndLeft},
		{"a body that is dribbled is read, or is a 408 when the time for it is over", "E6", both, dribbled},
	}
}

// uncomparable cannot be a key, and == panics.
type uncomparable struct{ parts []string }

func (u uncomparable) Error() string { return "uncomparable " + strings.Join(u.parts, " ") }

// hollow can be a key by its type, but not with all values.
type hollow struct{ in any }

func (hollow) Error() string { return "hollow" }

// deep is one link of a chain that may be long, or a ring.
type deep struct{ next error }

func (*deep) Error() string   { return "deep" }
func (d *deep) Unwrap() error { return d.next }

// split is one branch of a tree that may hold itself.
type split struct{ next []error }

func (*split) Error() string     { return "split" }
func (s *split) Unwrap() []error { return s.next }

// nilled must not be nil, for its methods.
type nilled struct{ text string }

func (n *nilled) Error() string { return n.text }

func chainOf(length int, last error) error {
	err := last
	for range length {
		err = &deep{next: err}
	}
	return err
}

func ring() error {
	last := new(deep)
	last.next = chainOf(100, last)
	return last
}

func ringOfBranches() error {
	s := new(split)
	s.next = []error{errPlain, s, &deep{next: s}}
	return s
}

func hostileErrors(t *trial) {
	rules := []errorhandlers.Rule{
		errorhandlers.OnIs(errGone, writes("sentinel")), byType[*missing]("type"), byType[busy]("interface"),
		errorhandlers.OnIs(hollow{1}, writes("hollow")), errorhandlers.OnStatus(http.StatusTeapot, writes("status")),
	}
	for _, e := range []struct {
		name   string
		err    error
		body   string // of the rule that answers, or "" for the plain 500
		report any    // what is reported, if anything is
	}{
		{"an uncomparable error", uncomparable{[]string{"a"}}, "", "uncomparable a"},
		{"a key's type with a value that cannot be compared", hollow{[]string{"a"}}, "", "hollow"},
		{"a key's type with its value", fmt.Errorf("x: %w", hollow{1}), "hollow", nil},
		{"a typed nil", (*nilled)(nil), "", (*nilled)(nil)},
		{"a typed nil of a rule's type", (*missing)(nil), "", (*missing)(nil)},
		{"a ring", ring(), "", "deep"},
		{"branches that are a ring", ringOfBranches(), "", "plain"},
		{"100 000 links with an answer at the end", chainOf(100_000, errGone), "sentinel", nil},
		{"100 000 links with none", chainOf(100_000, uncomparable{}), "", "deep"},
		{"an uncomparable error joined with one that is answered", errors.Join(uncomparable{[]string{"a"}}, &missing{"tea"}), "type", "uncomparable a"},
	} {
		for how, handle := range map[string]Handler{
			"returned": failsWith(e.err),
			"of a task": func(w http.ResponseWriter, r *http.Request, _ Params) error {
				fails(r, e.err)
				return creates(w)
			},
		} {
			s := t.serve(creche.Options{Errors: rules}, one(handle))
			r := s.get("/one")
			if e.body == "" {
				r.problem(http.StatusInternalServerError, "")
			} else {
				r.is(http.StatusUnprocessableEntity).says(e.body)
			}
			if e.report == nil {
				s.reported()
			} else {
				s.reported(e.report)
			}
			if t.Failed() {
				t.Fatalf("that was %s, %s", e.name, how)
			}
		}
	}
}

// pipe sends requests for the paths in one piece.
func (s *site) pipe(paths ...string) (answers *bufio.Reader, leave func()) {
	conn, err := s.server.Dial(context.Background())
	if err != nil {
		s.Fatal(err)
	}
	var all strings.Builder
	for _, path := range paths {
		_, _ = all.WriteString(lines(http.MethodGet, path, "", nil))
	}
	s.write(conn, all.String())
	return bufio.NewReader(conn), func() { _ = conn.Close() }
}

func pipelined(t *trial) {
	s := t.serve(creche.Options{}, Group{Routes: []Route{
		{http.MethodGet, "/ok", ok},
		{http.MethodGet, "/fails", failsWith(conflict("returned"))},
		{http.MethodGet, "/late", func(w http.ResponseWriter, r *http.Request, _ Params) error {
			fails(r, conflict("of a task"))
			return creates(w)
		}},
		{http.MethodGet, "/panics", func(http.ResponseWriter, *http.Request, Params) error { panic(errPlain) }},
	}})
	want := []struct {
		path   string
		status int
		text   string
	}{
		{"/ok", http.StatusOK, "ok"},
		{"/fails", http.StatusConflict, "returned"},
		{"/panics", http.StatusInternalServerError, ""},
		{"/late", http.StatusConflict, "of a task"},
		{"/nowhere", http.StatusNotFound, ""},
		{"/ok", http.StatusOK, "ok"},
	}
	var paths []string
	for _, w := range want {
		paths = append(paths, w.path)
	}
	answers, leave := s.pipe(paths...)
	defer leave()
	for i, w := range want {
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("answer %d: %v", i+1, err)
		}
		r := &reply{t: t, what: fmt.Sprintf("request %d, %s", i+1, w.path)}
		r.read(resp)
		if r.is(w.status); !strings.Contains(r.body, w.text) {
			t.Errorf("%s: got %q, want %q in it", r.what, r.body, w.text)
		}
	}
	s.reported(errPlain)
}

// pipelinedAndLeft has the client leave while the first of its requests is
// handled.
func pipelinedAndLeft(t *trial) {
	begun, calls := t.gate(), 0
	s := t.serve(creche.Options{}, one(func(w http.ResponseWriter, r *http.Request, _ Params) error {
		calls++
		begun.open()
		fails(r, conflict("after the client"))
		time.Sleep(2 * time.Second)
		return creates(w)
	}))
	_, leave := s.pipe("/one", "/one", "/one")
	t.await(begun, "the first request")
	leave()
	time.Sleep(time.Minute)
	if calls != 1 {
		t.Errorf("handlers called: got %d, want 1: nobody waits for the others", calls)
	}
	s.reported("after the client")
}

// dribble is a body that comes a byte a second.
type dribble struct{ left int }

func (d *dribble) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Second)
	d.left--
	p[0] = 'x'
	return 1, nil
}

func dribbled(t *trial) {
	s := t.serve(creche.Options{}, posted(func(w http.ResponseWriter, r *http.Request, _ Params) error {
		// Between two bytes, for a client that writes while the server closes may
		// see that before the answer.
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(59*time.Second + time.Second/2)); err != nil {
			return err
		}
		fails(r, nil) // a task, which is joined
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return fmt.Errorf("the secret reader: %w", err)
		}
		_, err = fmt.Fprint(w, len(body))
		return err
	}))
	s.start(http.MethodPost, "/one", &dribble{left: 30}).wait().is(http.StatusOK).says("30")
	r := s.start(http.MethodPost, "/one", &dribble{left: 300}).wait().problem(http.StatusRequestTimeout, "").hides("secret")
	if t.protocol == 1 && !r.closed {
		t.Error("the connection: got it kept alive, want it closed")
	}
}
