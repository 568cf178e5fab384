package echocreche

import (
	"context"
	"slices"

	"github.com/labstack/echo/v4"
)

// Detach returns the context of c's request with a copy of the path parameters
// and of the values that c.Get returns for keys, which [Param] and [Value] read
// after c has been recycled:
//
//	creche.Go(echocreche.Detach(c, "user"), "send mail", sendMail)
//
// The values themselves are not copied: what they point to must not be tied to
// the request. One that is an echo.Context panics. Like c, Detach is for the
// handler's goroutine.
func Detach(c echo.Context, keys ...string) context.Context {
	d := &detached{names: slices.Clone(c.ParamNames()), params: slices.Clone(c.ParamValues())}
	for _, key := range keys {
		value := c.Get(key)
		if _, is := value.(echo.Context); is {
			panic("echocreche: Detach: the value of " + key + " is an echo.Context")
		}
		d.keys, d.values = append(d.keys, key), append(d.values, value)
	}
	return context.WithValue(c.Request().Context(), detachedKey{}, d)
}

// Value returns what [Detach] found for key, or nil if key was not among the
// keys or there is no Detach above ctx.
func Value(ctx context.Context, key string) any {
	if d, ok := ctx.Value(detachedKey{}).(*detached); ok {
		if i := slices.Index(d.keys, key); i >= 0 {
			return d.values[i]
		}
	}
	return nil
}

// Param returns the path parameter that c.Param did when [Detach] was called,
// or "" if there is none or no Detach above ctx.
func Param(ctx context.Context, name string) string {
	if d, ok := ctx.Value(detachedKey{}).(*detached); ok {
		if i := slices.Index(d.names, name); i >= 0 && i < len(d.params) {
			return d.params[i]
		}
	}
	return ""
}

type detachedKey struct{}

type detached struct {
	names, params []string
	keys          []string
	values        []any
}
