package adaptertest

import (
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
)

// refusals has the cases about what the router itself answers.
func refusals() []check {
	// R9
	return []check{
		{"an unknown route is a 404 by the rules", "R9", both, unknownRoutes},
		{"a wrong method is a 405 by the rules, with the router's own Allow", "R9", both, wrongMethods},
		{"a 404 and a 405 that the application wrote are left alone", "R9", both, applicationsOwn},
	}
}

// refusing has routes for all kinds of refusals.
func refusing() Group {
	return Group{
		Routes: []Route{
			{http.MethodGet, "/items/{id}", ok},
			{http.MethodPost, "/items/{id}", ok},
			{http.MethodPost, "/only", ok},
		},
		Groups: []Group{{Prefix: "/group", Routes: []Route{{http.MethodGet, "/in", ok}}}},
	}
}

func unknownRoutes(t *trial) {
	plain := t.serve(creche.Options{}, refusing())
	for _, path := range []string{"/", "/nowhere", "/other/1", "/group/nowhere"} {
		plain.get(path).problem(http.StatusNotFound, "")
		plain.post(path, "a body").problem(http.StatusNotFound, "")
		if r := plain.get(path, "Accept", "text/plain").is(http.StatusNotFound); !strings.HasPrefix(r.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: Content-Type: got %q, want text/plain", path, r.header.Get("Content-Type"))
		}
	}
	ruled := t.serve(creche.Options{Errors: []errorhandlers.Rule{
		errorhandlers.OnStatus(http.StatusNotFound, writes("the rule's")),
	}}, refusing())
	for _, path := range []string{"/nowhere", "/group/nowhere"} {
		ruled.get(path).is(http.StatusUnprocessableEntity).says("the rule's")
	}
	ruled.get("/items/1").is(http.StatusOK).says("ok")
}

func wrongMethods(t *trial) {
	plain := t.serve(creche.Options{}, refusing())
	ruled := t.serve(creche.Options{Errors: []errorhandlers.Rule{
		errorhandlers.OnStatus(http.StatusMethodNotAllowed, writes("the rule's")),
	}}, refusing())
	bare := t.serveBare(refusing().Routes)
	for _, tt := range []struct{ method, path string }{
		{http.MethodDelete, "/items/1"}, {http.MethodGet, "/only"}, {http.MethodPut, "/only"},
	} {
		want := allowed(bare.start(tt.method, tt.path, nil).wait().is(http.StatusMethodNotAllowed))
		for _, r := range []*reply{
			plain.start(tt.method, tt.path, nil).wait().problem(http.StatusMethodNotAllowed, ""),
			ruled.start(tt.method, tt.path, nil).wait().is(http.StatusUnprocessableEntity).says("the rule's"),
		} {
			if got := allowed(r); !slices.Equal(got, want) || len(got) == 0 {
				t.Errorf("%s: Allow: got %q, want %q as without the adapter", r.what, got, want)
			}
		}
	}
	checkRefused(plain.post("/group/in", ""))
}

// checkRefused checks a wrong method in a group, which is a 405 for most
// routers and a 404 for those with a catch-all route in groups.
func checkRefused(r *reply) {
	if r.status == http.StatusNotFound {
		r.problem(http.StatusNotFound, "")
		return
	}
	if got := allowed(r.problem(http.StatusMethodNotAllowed, "")); !slices.Contains(got, http.MethodGet) {
		r.t.Errorf("%s: Allow: got %q, want GET in it", r.what, got)
	}
}

// allowed returns the methods that the reply's Allow headers list.
func allowed(r *reply) []string {
	methods := strings.FieldsFunc(strings.Join(r.header["Allow"], ","), func(c rune) bool { return c == ',' || c == ' ' })
	slices.Sort(methods)
	return methods
}

func applicationsOwn(t *trial) {
	answers := func(status int) Handler {
		return func(w http.ResponseWriter, _ *http.Request, _ Params) error {
			w.Header().Set("Allow", "BREW")
			w.WriteHeader(status)
			_, err := io.WriteString(w, "the application's")
			return err
		}
	}
	routes := []Route{{http.MethodGet, "/404", answers(404)}, {http.MethodGet, "/405", answers(405)}, {http.MethodGet, "/500", answers(500)}}
	s := t.serve(creche.Options{Errors: []errorhandlers.Rule{
		errorhandlers.OnStatusClass(4, writes("the rule's")), errorhandlers.OnAny(writes("the rule's")),
	}}, Group{Routes: routes, Groups: []Group{{Prefix: "/group", Routes: routes}}})
	for _, prefix := range []string{"", "/group"} {
		for path, status := range map[string]int{"/404": 404, "/405": 405, "/500": 500} {
			s.get(prefix+path).is(status).says("the application's").has("Allow", "BREW")
		}
	}
}
