package creche_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// net/http would log it, but does not see a status that is held back.
//
// R4
func TestTheLogOfASecondStatus(t *testing.T) {
	twice := func(first, second int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(first)
			w.WriteHeader(second)
		}
	}
	for _, tt := range []struct {
		name string
		h    http.HandlerFunc
		want int
	}{
		{"one", withStatus(http.StatusCreated, writing("made")), 0},
		{"none, and one of the answer's", failing(errSoldOut).ServeHTTP, 0},
		{"one, and one of the answer's", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusCreated)
			failing(errSoldOut).ServeHTTP(w, r)
		}, 0},
		{"an informational one before", twice(http.StatusEarlyHints, http.StatusOK), 0},
		{"another", twice(http.StatusCreated, http.StatusTeapot), http.StatusTeapot},
		{"the same again", twice(http.StatusOK, http.StatusOK), http.StatusOK},
		{"one after a body", func(w http.ResponseWriter, r *http.Request) { writing("x")(w, r); w.WriteHeader(http.StatusTeapot) }, http.StatusTeapot},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log journal
			app := creche.New(creche.Options{Logger: log.logger(), Observe: func(context.Context, nursery.Report) {}})
			w := httptest.NewRecorder()
			app.Middleware(tt.h).ServeHTTP(w, httptest.NewRequest(http.MethodPut, "/notes", nil))
			want := fmt.Sprintf(`WARN msg="creche: superfluous WriteHeader" method=PUT path=/notes status=%d place=`, tt.want)
			switch got := log.lines(); {
			case tt.want == 0 && len(got) > 0:
				t.Errorf("got log %q, want nothing", got)
			case tt.want != 0 && (len(got) != 1 || !strings.HasPrefix(got[0], want) || !strings.Contains(got[0], "/mistakes_test.go:")):
				t.Errorf("got log %q, want a line %s and its place", got, want)
			}
		})
	}
}
