package adaptertest

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// nesting has the cases about routers within routers.
func nesting() []check {
	// R7
	return []check{
		{"a router of the application inside another joins its own tasks and answers for them once", "R7", both, nestsSameApp},
		{"a router of another application inside has rules of its own before those around it", "R7", both, nestsOtherApp},
	}
}

// inside returns a group whose one route hands the request to a router that is
// built of root for app, and then looks at after.
func (t *trial) inside(app *creche.App, root Group, after func(r *http.Request)) Group {
	inner := t.adapter.Build(app, root)
	return under("/items/{id}", func(w http.ResponseWriter, r *http.Request, p Params) error {
		id := p.Get("id")
		inner.ServeHTTP(w, r)
		after(r)
		if got := p.Get("id"); got != id {
			t.Errorf("the outer router's parameter, after the inner router: got %q, want %q", got, id)
		}
		return nil
	})
}

func nestsSameApp(t *trial) {
	var ended atomic.Int32
	s := t.build(creche.Options{})
	root := under("/items/{id}", func(w http.ResponseWriter, r *http.Request, p Params) error {
		nursery.From(r.Context()).Go(func(context.Context) error {
			time.Sleep(time.Second)
			ended.Add(1)
			if p.Get("id") == "fails" {
				return conflict("inside")
			}
			return nil
		})
		return creates(w)
	})
	outer := t.inside(s.app, root, func(r *http.Request) {
		if ended.Load() == 0 {
			t.Error("the inner router returned before its task had ended")
		}
		if err := r.Context().Err(); err != nil {
			t.Errorf("the outer request's context: got %v, want it alive", err)
		}
	})
	t.Cleanup(s.end)
	s.server = t.listen(t.adapter.Build(s.app, outer), s)
	s.get("/items/works").is(http.StatusCreated).says("<p>made")
	s.get("/items/fails").problem(http.StatusConflict, "inside").hides("made")
}

func nestsOtherApp(t *trial) {
	named := func(name string) creche.Options {
		return creche.Options{Errors: []errorhandlers.Rule{errorhandlers.OnIs(errGone, writes(name))}}
	}
	inner, outer := t.build(named("inner")), t.build(creche.Options{Errors: append(named("outer").Errors, errorhandlers.OnIs(errOther, writes("outer")))})
	root := under("/items/{id}", func(w http.ResponseWriter, r *http.Request, p Params) error {
		switch p.Get("id") {
		case "gone":
			fails(r, errGone)
		case "other":
			fails(r, errOther)
		}
		_, err := io.WriteString(w, "inside")
		return err
	})
	t.Cleanup(inner.end)
	t.Cleanup(outer.end)
	outer.server = t.listen(t.adapter.Build(outer.app, t.inside(inner.app, root, func(*http.Request) {})), outer)
	outer.get("/items/works").is(http.StatusOK).says("inside")
	outer.get("/items/gone").is(http.StatusUnprocessableEntity).says("inner")
	outer.get("/items/other").is(http.StatusUnprocessableEntity).says("outer")
}
