package errorhandlers_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
)

// FuzzProblem has a problem of arbitrary texts and headers answered as an
// arbitrary Accept wants it: the answer is well-formed, nothing in it can end
// a header's line, and the error behind it is not told.
func FuzzProblem(f *testing.F) { // E7
	for _, seed := range []struct {
		status            int
		text, name, value string
		accept            string
	}{
		{404, "", "", "", ""}, {409, "tea\x00\xff", "X-A", "b\r\nSet-Cookie: c", "text/plain"}, {200, "<b>", "Content-Length", "1", "*/*;q=0"},
		{503, "\"\\\u2028", "Retry-After", "2", "application/json;q=0.1, text/*;q=0.2"}, {401, "x", "Www-Authenticate", "Basic", ", ;q=,text/plain;q=1.5"},
		{599, "x", "in valid", "x", "text/plain;q=NaN"}, {-1, "x", "vary", "Accept", "TEXT/PLAIN"},
	} {
		f.Add(seed.status, seed.text, seed.name, seed.value, seed.accept)
	}
	f.Fuzz(func(t *testing.T, status int, text, name, value, accept string) {
		p := &errorhandlers.Problem{
			Status: status, Title: text, Detail: text, Type: text, Instance: text,
			Extensions: map[string]any{text: value}, Header: http.Header{name: {value, value}}, Err: errors.New("the secret of the shop"),
		}
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		p.ServeHTTP(w, r)
		if w.Code < 400 || w.Code > 599 {
			t.Errorf("got status %d, want one of an error", w.Code)
		}
		if strings.Contains(w.Body.String(), "the secret of the shop") && !strings.Contains(text+value, "the secret") {
			t.Errorf("got %q, which tells the error", w.Body)
		}
		for key, values := range w.Header() {
			if strings.ContainsAny(key+strings.Join(values, ""), "\r\n\x00") {
				t.Errorf("got header %q: %q, want each on a line", key, values)
			}
		}
		checkBody(t, w)
		checkAgain(t, p, r, w)
	})
}

// checkBody has the body be what its type and length say.
func checkBody(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var members struct{ Status int }
	switch kind := w.Header().Get("Content-Type"); kind {
	case "application/problem+json":
		if err := json.Unmarshal(w.Body.Bytes(), &members); err != nil || members.Status != w.Code {
			t.Errorf("got %q, %v, want one JSON object with status %d", w.Body, err, w.Code)
		}
	case "text/plain; charset=utf-8":
		if body := w.Body.String(); strings.ToValidUTF8(body, "") != body {
			t.Errorf("got %q, want valid UTF-8", body)
		}
	default:
		t.Errorf("got type %q", kind)
	}
	if w.Header()["Content-Length"] == nil || len(w.Header()["Content-Length"]) != 1 {
		t.Errorf("got lengths %q, want one", w.Header()["Content-Length"])
	}
}

// checkAgain has a second answer of the problem be the same: it is not changed.
func checkAgain(t *testing.T, p *errorhandlers.Problem, r *http.Request, first *httptest.ResponseRecorder) {
	t.Helper()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	if w.Body.String() != first.Body.String() || !slices.Equal(w.Header()["Vary"], first.Header()["Vary"]) {
		t.Errorf("got %q the second time, want %q", w.Body, first.Body)
	}
}
