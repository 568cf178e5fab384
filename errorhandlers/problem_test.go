package errorhandlers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
)

func serve(p *errorhandlers.Problem, method, accept string, header http.Header) *http.Response {
	r := httptest.NewRequest(method, "/", nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	maps.Copy(w.Header(), header)
	p.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type unmarshallable struct{}

func (unmarshallable) MarshalJSON() ([]byte, error) { panic("no") }

// notUTF8 is how JSON writes a byte that is not UTF-8: Go 1.26 escapes the
// replacement character, 1.27 does not.
var notUTF8 = func() string {
	quoted, _ := json.Marshal("\xff")
	return strings.Trim(string(quoted), `"`)
}()

func TestProblemAsJSON(t *testing.T) { // E7
	secret := errors.New("password=hunter2")
	for _, tc := range []struct {
		name    string
		problem errorhandlers.Problem
		want    string
	}{
		{"nothing but the status", errorhandlers.Problem{Status: 404}, `{"title":"Not Found","status":404}`},
		{"no status", errorhandlers.Problem{}, `{"title":"Internal Server Error","status":500}`},
		{"an invalid status", errorhandlers.Problem{Status: 99}, `{"title":"Internal Server Error","status":500}`},
		{"a status without a name", errorhandlers.Problem{Status: 499}, `{"title":"Client Error","status":499}`},
		{"a server's status without a name", errorhandlers.Problem{Status: 599}, `{"title":"Server Error","status":599}`},
		{"all members", errorhandlers.Problem{Status: 409, Type: "/problems/sold-out", Title: "Sold out", Detail: "no tea", Instance: "/orders/7"},
			`{"type":"/problems/sold-out","title":"Sold out","status":409,"detail":"no tea","instance":"/orders/7"}`},
		{"the type that says nothing", errorhandlers.Problem{Status: 404, Type: "about:blank"}, `{"title":"Not Found","status":404}`},
		{"extensions, sorted", errorhandlers.Problem{Status: 409, Extensions: map[string]any{"sku": "tea", "left": 0}},
			`{"title":"Conflict","status":409,"left":0,"sku":"tea"}`},
		{"extensions that are called as members", errorhandlers.Problem{Status: 409, Extensions: map[string]any{"status": 200, "title": "OK", "type": 1, "detail": 2, "instance": 3, "sku": "tea"}},
			`{"title":"Conflict","status":409,"sku":"tea"}`},
		{"only such extensions", errorhandlers.Problem{Status: 409, Extensions: map[string]any{"status": 200}}, `{"title":"Conflict","status":409}`},
		{"extensions that cannot be marshalled", errorhandlers.Problem{Status: 409, Detail: "d", Extensions: map[string]any{"a": 1, "f": func() {}}}, `{"title":"Conflict","status":409,"detail":"d"}`},
		{"extensions that panic", errorhandlers.Problem{Status: 409, Extensions: map[string]any{"a": unmarshallable{}}}, `{"title":"Conflict","status":409}`},
		{"the error behind is not shown", errorhandlers.Problem{Status: 500, Err: secret}, `{"title":"Internal Server Error","status":500}`},
		{"no markup", errorhandlers.Problem{Status: 400, Detail: "<script>"}, `{"title":"Bad Request","status":400,"detail":"\u003cscript\u003e"}`},
		{"not UTF-8", errorhandlers.Problem{Status: 400, Detail: "a\xffb"}, `{"title":"Bad Request","status":400,"detail":"a` + notUTF8 + `b"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := serve(&tc.problem, "GET", "", nil)
			got := body(t, r)
			if got != tc.want+"\n" {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("got %s, which is not valid", got)
			}
			if r.StatusCode != tc.problem.HTTPStatus() || r.ContentLength != int64(len(got)) {
				t.Errorf("got %v with length %v, want %v with %v", r.StatusCode, r.ContentLength, tc.problem.HTTPStatus(), len(got))
			}
			if ct, sniff := r.Header.Get("Content-Type"), r.Header.Get("X-Content-Type-Options"); ct != "application/problem+json" || sniff != "nosniff" {
				t.Errorf("got %q %q, want application/problem+json and nosniff", ct, sniff)
			}
		})
	}
}

func TestProblemAsTheClientAccepts(t *testing.T) { // E7
	const text, problem = "text/plain; charset=utf-8", "application/problem+json"
	for _, tc := range []struct{ accept, want string }{
		{"", problem},
		{"*/*", problem},
		{"application/json", problem},
		{"application/problem+json", problem},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", problem},
		{"text/html", problem},
		{"image/png", problem},
		{"text/plain", text},
		{"TEXT/Plain", text},
		{"text/*", text},
		{"text/plain, */*;q=0.1", text},
		{"text/plain;q=0.5, application/json", problem},
		{"text/plain;q=0.5, application/problem+json;q=0.4", text},
		{"text/plain, application/problem+json", problem},
		{"text/plain;format=flowed;q=0.9, application/*;q=0.8", text},
		{"text/plain;q=0, */*", problem},
		{"*/*, application/json;q=0.5, application/problem+json;q=0.1", text},
		{"application/problem+json;q=0, */*", text},
		{"text/plain; q = 1", text},
		{"text/plain;q=yes", problem},
		{"text/plain;q=NaN", problem},
		{"text/plain;q=7", problem},
		{",;,", problem},
	} {
		r := serve(&errorhandlers.Problem{Status: 404, Detail: "no tea"}, "GET", tc.accept, nil)
		if got := r.Header.Get("Content-Type"); got != tc.want {
			t.Errorf("Accept %q: got %v, want %v", tc.accept, got, tc.want)
		}
		if got := r.Header.Get("Vary"); got != "Accept" {
			t.Errorf("Accept %q: got Vary %q, want Accept", tc.accept, got)
		}
	}
}

func TestProblemAsText(t *testing.T) { // E7
	for _, tc := range []struct {
		problem errorhandlers.Problem
		want    string
	}{
		{errorhandlers.Problem{Status: 404}, "Not Found\n"},
		{errorhandlers.Problem{Status: 409, Title: "Sold out", Detail: "no tea", Err: errOther}, "Sold out: no tea\n"},
		{errorhandlers.Problem{Status: 400, Detail: "a\xffb"}, "Bad Request: a\uFFFDb\n"},
	} {
		if got := body(t, serve(&tc.problem, "GET", "text/plain", nil)); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

func TestProblemToHead(t *testing.T) { // E7
	p := &errorhandlers.Problem{Status: 404, Detail: "no tea"}
	get, head := serve(p, "GET", "", nil), serve(p, "HEAD", "", nil)
	if got := body(t, head); got != "" {
		t.Errorf("got body %q, want none", got)
	}
	if head.StatusCode != get.StatusCode || head.Header.Get("Content-Length") != get.Header.Get("Content-Length") {
		t.Errorf("got %v %v, want as for GET %v %v", head.StatusCode, head.Header, get.StatusCode, get.Header)
	}
}

func TestProblemHeaders(t *testing.T) { // E6, E7
	before := http.Header{
		"Content-Length": {"7"}, "Content-Encoding": {"gzip"}, "Etag": {`"x"`}, "Last-Modified": {"x"}, "Cache-Control": {"max-age=60"},
		"Content-Disposition": {"attachment"}, "Expires": {"x"}, "Content-Range": {"x"}, "Content-Type": {"image/png"},
		"X-Request-Id": {"7"}, "Vary": {"Origin"},
	}
	p := &errorhandlers.Problem{Status: 401, Header: http.Header{
		"WWW-Authenticate":  {"Basic", "Bearer"},
		"Cache-Control":     {"no-store"},
		"X-Inject":          {"a\r\nSet-Cookie: b=c", "\x00"},
		"Bad\r\nName":       {"x"},
		"":                  {"x"},
		"Content-Type":      {"text/html"},
		"Content-Length":    {"1"},
		"Transfer-Encoding": {"chunked"},
	}}
	h := serve(p, "GET", "", before).Header
	for name, want := range map[string]string{
		"Www-Authenticate": "Basic|Bearer", "Cache-Control": "no-store", "X-Inject": "a  Set-Cookie: b=c| ", "Content-Type": "application/problem+json",
		"X-Request-Id": "7", "Vary": "Origin|Accept", "Content-Encoding": "", "Etag": "", "Last-Modified": "", "Content-Disposition": "",
		"Expires": "", "Content-Range": "", "Transfer-Encoding": "", "Bad\r\nName": "", "": "", "Set-Cookie": "",
	} {
		if got := strings.Join(h[name], "|"); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	if got := h.Get("Content-Length"); got != "38" {
		t.Errorf("Content-Length: got %q, want 38", got)
	}
	if len(p.Header["X-Inject"]) != 2 || len(before["Vary"]) != 1 {
		t.Errorf("the problem or the caller's header was changed: %v, %v", p.Header, before)
	}
}

// A problem written twice, as by middleware that calls the error handler
// twice, says everything once.
func TestHeaderOfAProblemWithoutItsBody(t *testing.T) { // E6, E7
	p := &errorhandlers.Problem{Status: 503, Header: http.Header{
		"Retry-After": {"7"}, "Link": {"a\r\nEvil: yes", "b"}, "Bad Name": {"x"}, "Content-Type": {"text/html"},
	}}
	got := http.Header{"Retry-After": {"1"}, "Kept": {"x"}}
	p.SetHeader(got)
	want := http.Header{"Retry-After": {"7"}, "Link": {"a  Evil: yes", "b"}, "Kept": {"x"}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestProblemTwiceOnTheSameHeader(t *testing.T) {
	p := &errorhandlers.Problem{Status: 503, Header: http.Header{"Retry-After": {"2"}}}
	w := httptest.NewRecorder()
	for range 2 {
		p.ServeHTTP(w, httptest.NewRequest("HEAD", "/", nil))
	}
	if got := w.Header(); len(got["Vary"]) != 1 || len(got["Retry-After"]) != 1 {
		t.Errorf("got %v, want each header once", got)
	}
}

func TestProblemIsAnError(t *testing.T) {
	for _, tc := range []struct {
		problem errorhandlers.Problem
		want    string
	}{
		{errorhandlers.Problem{}, "500 Internal Server Error"},
		{errorhandlers.Problem{Status: 409, Title: "Sold out", Detail: "no tea", Err: errOther}, "409 Sold out: no tea: other"},
	} {
		if got := tc.problem.Error(); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
		if got := errors.Is(&tc.problem, errOther); got != (tc.problem.Err != nil) {
			t.Errorf("errors.Is: got %v", got)
		}
	}
}

func TestProblemWhoseErrIsATypedNil(t *testing.T) {
	p := &errorhandlers.Problem{Status: 409, Err: (*upstream)(nil)}
	if got, want := p.Error(), "409 Conflict: a nil *errorhandlers_test.upstream was returned as an error"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// No default answer carries an error's text, on whatever way it came.
func TestNoDefaultAnswerCarriesAnErrorsText(t *testing.T) { // E7
	secret := errors.New("password=hunter2")
	for _, err := range []error{
		secret, errors.Join(secret, errOther), &errorhandlers.Problem{Status: 404, Err: secret}, &errorhandlers.BodyTimeoutError{Err: secret},
		multi(1, secret, 2, errorhandlers.ErrDraining), &upstream{secret},
	} {
		for _, accept := range []string{"text/plain", "application/json"} {
			a, _ := errorhandlers.Search{}.First(err, nil)
			r := serve(a.Problem(), "GET", accept, nil)
			var dump strings.Builder
			if err := r.Write(&dump); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(dump.String(), "hunter2") {
				t.Errorf("%v: got %s", err, dump.String())
			}
		}
	}
}
