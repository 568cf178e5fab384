package creche

import (
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"runtime"
	"strings"

	"github.com/creche-go/creche/errorhandlers"
)

// misplaced is what the log says, once, of an App whose middleware is echo's. Who
// comes from chi puts it there, and would find each error answered with an empty
// 200: echo's WrapMiddleware returns the handler's error to echo when the exchange
// has ended without it, and echo writes its answer to what has been sent.
const misplaced = "creche: App.Middleware, App.Errors and App.Timeout do not do as middleware of echo: " +
	"call echocreche.Use, Errors and Timeout in their place, or echo5creche's for version 5. Until then requests are answered with 500"

// unlessMisplaced returns h, which is middleware around next, or what refuses all
// requests if next shows that errors would not reach h.
func (a *App) unlessMisplaced(next, h http.Handler) http.Handler {
	if !isOfEcho(next) {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if x := ExchangeOf(r.Context()); x != nil && isSpecial(x.Router()) {
			h.ServeHTTP(w, r) // inside an exchange of echo's adapter, which is told of errors
			return
		}
		a.sayMisplaced.Do(func() { a.logError(r.Context(), misplaced) })
		(&errorhandlers.Problem{Status: http.StatusInternalServerError}).ServeHTTP(w, r)
	})
}

// isOfEcho reports whether h is what echo's WrapMiddleware makes of the rest of its
// chain. This package does not know echo, so the name of the function has to tell.
// It may be inlined, and then it is its caller's function, but keeps its name and
// place.
func isOfEcho(h http.Handler) bool {
	f, is := h.(http.HandlerFunc)
	if !is {
		return false
	}
	pc := reflect.ValueOf(f).Pointer()
	made := runtime.FuncForPC(pc)
	if made == nil || !strings.Contains(made.Name(), "WrapMiddleware") {
		return false
	}
	file, _ := made.FileLine(pc)
	return strings.Contains(file, "labstack/echo")
}

// late returns errEnded. The first time it is logged, for who writes then may not
// look at what it returns: a goroutine that nobody has joined, or a router that is
// told of errors when the exchange is over.
func (x *Exchange) late() error {
	a := x.App()
	a.sayLate.Do(func() {
		a.logWarning(x.scope(), errEnded.Error(), append(whence(x.scope()), slog.String("hint", "a goroutine has outlived its handler, or "+
			"App.Middleware is the middleware of a router that handles errors outside of it: call Use of the router's adapter"))...)
	})
	return errEnded
}

// sayTwice logs, as net/http does, that a header was written before: the first counts.
func (x *Exchange) sayTwice(status int) {
	attrs := append(whence(x.scope()), slog.Int("status", status), slog.String("place", callerOutside()))
	x.App().logWarning(x.scope(), "creche: superfluous WriteHeader", attrs...)
}

// callerOutside returns the file and line of the innermost call in the stack that is
// not of this package.
func callerOutside() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	for {
		frame, more := frames.Next()
		if frame.File != "" && !strings.HasPrefix(frame.Function, "github.com/creche-go/creche.") {
			return fmt.Sprintf("%s:%d", frame.File, frame.Line)
		}
		if !more {
			return "place unknown"
		}
	}
}
