package creche_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// joinsWhatIsNotItsOwn is found in stacks by its name.
func joinsWhatIsNotItsOwn(ctx context.Context) error { return nursery.From(ctx).Join() }

// A nursery of ours that users join is a mistake where they do, not later, where we
// would.
//
// N19, R6
func TestJoinOfANurseryThatIsNotOnesOwn(t *testing.T) {
	handle := func(h func(ctx context.Context) error) func(app *creche.App) int {
		return func(app *creche.App) int {
			w := httptest.NewRecorder()
			app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error { return h(r.Context()) })).
				ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			return w.Code
		}
	}
	tests := []struct {
		name   string
		call   func(app *creche.App) (status int)
		status int
		owner  string
	}{
		{"a handler joins the request's", handle(joinsWhatIsNotItsOwn), http.StatusInternalServerError, "the request"},
		{"so does a task of the request", handle(func(ctx context.Context) error {
			nursery.From(ctx).Go(joinsWhatIsNotItsOwn)
			return nil
		}), http.StatusInternalServerError, "the request"},
		{"a background task joins the background", func(app *creche.App) int {
			_ = app.Go(t.Context(), "job", joinsWhatIsNotItsOwn)
			return 0
		}, 0, "the application"},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			var mu sync.Mutex
			var reports []error
			app := creche.New(creche.Options{Observe: func(_ context.Context, r nursery.Report) {
				mu.Lock()
				defer mu.Unlock()
				reports = append(reports, r.Err)
			}})
			if got := tt.call(app); got != tt.status {
				t.Errorf("got %d, want %d", got, tt.status)
			}
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if len(reports) != 1 {
				t.Fatalf("got reports %q, want one", reports)
			}
			for _, want := range []string{
				"nursery: Join of a nursery that belongs to " + tt.owner + ", which joins it: to wait for tasks of your own, start them with All",
				"joinsWhatIsNotItsOwn",
			} {
				if got := reports[0].Error(); !strings.Contains(got, want) {
					t.Errorf("got %q, want %q in it", got, want)
				}
			}
		})
	}
}
