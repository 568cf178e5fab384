package creche

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/creche-go/creche/nursery"
)

// errRecycled is what keeps a background task from reading what chi has filled for
// another request by then. Who uses standard middleware with chi puts
// [App.Middleware] there, or nothing, and would not notice but under load.
var errRecycled = errors.New("creche: chi uses this request's context again when the request is over, " +
	"and what is left of it would be another's: call chicreche.Use for the router, in place of App.Middleware")

// mostLooked is how many requests in a row an App looks for chi in, which takes two
// microseconds. How its routers are set up changes no more when it serves.
const mostLooked = 1000

// recycledBy returns errRecycled if there is a context of chi's in ctx. This package
// does not know chi's, so the type of its key has to tell. It does not see through
// contexts of others, whose fields are not for it to read.
func (a *App) recycledBy(ctx context.Context) error {
	if ExchangeOf(ctx) != nil || ctx.Value(http.ServerContextKey) != nil { // of a request: others end no row
		if a.looked.Load() >= mostLooked {
			return nil
		}
		a.looked.Add(1)
	}
	v := reflect.ValueOf(ctx)
	for range maxContexts {
		if v = structIn(v); !v.IsValid() || !isFixed(v.Type()) {
			return nil
		}
		if key := v.FieldByName("key"); key.IsValid() && key.Kind() == reflect.Interface && isOfChi(key.Elem()) {
			a.looked.Store(0) // there is cause to go on looking
			return errRecycled
		}
		v = above(v)
	}
	return nil
}

// maxContexts is how many contexts one inside the other are looked at.
const maxContexts = 1000

// isFixed reports whether t is a type of context whose context above is the same for
// as long as it lives: those of package context and our own are, and can be read
// without a lock.
func isFixed(t reflect.Type) bool {
	switch t.PkgPath() {
	case contextType.PkgPath(), reflect.TypeFor[App]().PkgPath(), reflect.TypeFor[nursery.Nursery]().PkgPath():
		return true
	}
	return false
}

// structIn returns the struct that v is, points to or holds, or nothing.
func structIn(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v
}

func isOfChi(key reflect.Value) bool {
	return key.Kind() == reflect.Pointer && strings.HasPrefix(key.Type().Elem().PkgPath(), "github.com/go-chi/chi")
}

var contextType = reflect.TypeFor[context.Context]()

// above returns the context that the struct is made of, or in a struct that is
// embedded in it, or nothing.
func above(v reflect.Value) reflect.Value {
	for i := range v.NumField() {
		if v.Type().Field(i).Type == contextType {
			return v.Field(i)
		}
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}
