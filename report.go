package creche

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// Report reports err as a failure of this request that has no other way to be
// noticed, with the name of the task that failed with it. Where that is a task of
// a nursery which a connection has opened, err is a leaf of one of below, what
// has failed there. A nil err does nothing.
func (x *Exchange) Report(err error, below ...nursery.Report) {
	if err != nil {
		x.App().observe(x.scope(), x.reportOf(err, below))
	}
}

// reportOf returns err with the name of the task that failed with it.
func (x *Exchange) reportOf(err error, below []nursery.Report) nursery.Report {
	for _, f := range x.nursery.Failures() {
		below = append(below, nursery.Report{Nursery: "request", Failure: f})
	}
	if r, ok := nursery.ReportOf(err, below...); ok {
		return r
	}
	return nursery.Report{Nursery: "request", Failure: nursery.Failure{Err: err}}
}

func (x *Exchange) reportAll(errs []error) {
	for _, err := range errs {
		x.Report(err)
	}
}

// reportLeaves reports all leaves of err but those that have been.
func (x *Exchange) reportLeaves(err error) {
	for leaf := range nursery.Leaves(err) {
		if !reported(leaf) {
			x.Report(leaf)
		}
	}
}

// reported reports whether a nursery has reported leaf when it happened, or
// there is nothing to report: panics are, at once.
func reported(leaf error) (is bool) {
	if leaf == http.ErrAbortHandler {
		return true
	}
	defer func() { _ = recover() }() // of a typed nil whose Unwrap panics
	// It may have been returned, wrapped. With errors.As a ring would have no end.
	for link, links := leaf, 0; link != nil && links < longestChain; link, links = errors.Unwrap(link), links+1 {
		if p, ok := link.(*nursery.PanicError); ok && p != nil {
			return p.Stack() != ""
		}
	}
	return false
}

// longestChain is how many links of an error's chain are looked at, which may
// be a ring.
const longestChain = 1 << 18

// reportRest reports the leaves of err that chosen does not answer, and those
// that it answers only by saying that something is wrong here, be it with a status
// that a router's own error handler has chosen; but not what one of told, which
// have been reported, tells of. The log also has the rules
// that were for a leaf and did not answer it, by the search that found chosen.
func (x *Exchange) reportRest(search errorhandlers.Search, chosen errorhandlers.Answer, err error, told []error, below ...nursery.Report) {
	skipped := sync.OnceValue(func() []errorhandlers.Skipped { return search.Explain(err, x.rules()).Skipped })
	report := func(leaf error) {
		if !reported(leaf) && !tell(told, leaf) {
			x.App().observeWith(x.scope(), x.reportOf(leaf, below), func() []slog.Attr { return skippedFor(leaf, skipped()) })
		}
	}
	ours := chosen.Rule == nil && chosen.Status >= 500 && chosen.Status != http.StatusServiceUnavailable
	if !ours && chosen.Rule == nil && chosen.Err != nil && chosen.Leaf == nil && isOne(err) {
		return // in place of the plain 500
	}
	for leaf := range chosen.Rest(err) {
		report(leaf)
	}
	if ours && chosen.Leaf != nil {
		report(chosen.Leaf)
	}
}

// isOne reports whether err is one failure.
func isOne(err error) bool {
	var first error
	for leaf := range nursery.Leaves(err) {
		if first != nil {
			return false
		}
		first = leaf
	}
	return true
}

// skippedFor returns as an attribute those of skipped that were for leaf. On a
// websocket, which runs no handlers of HTTP, that is each of theirs.
func skippedFor(leaf error, skipped []errorhandlers.Skipped) []slog.Attr {
	var texts []string
	for _, s := range skipped {
		if tell([]error{&errorhandlers.RuleError{Err: s.Err}}, leaf) {
			texts = append(texts, s.String())
		}
	}
	if texts == nil {
		return nil
	}
	return []slog.Attr{slog.String("skipped", strings.Join(texts, "; "))}
}

// ruleErrors returns the several errors that a search returned as one.
func ruleErrors(faults error) []error {
	if faults == nil {
		return nil
	}
	if _, one := faults.(*errorhandlers.RuleError); one {
		return []error{faults}
	}
	if several, ok := faults.(interface{ Unwrap() []error }); ok {
		return several.Unwrap()
	}
	return []error{faults}
}

// tell reports whether one of faults tells of leaf: its rule was handed leaf,
// a link of its chain, or a group that it is of.
func tell(faults []error, leaf error) bool {
	for _, fault := range faults {
		f, ok := fault.(*errorhandlers.RuleError)
		if !ok {
			continue
		}
		if inChain(leaf, f.Err) {
			return true
		}
		for handed := range nursery.Leaves(f.Err) {
			if same(handed, leaf) {
				return true
			}
		}
	}
	return false
}

// inChain reports whether err is a link of the chain of leaf. An Unwrap that
// panics, as a typed nil's does, ends a chain, and no chain is endless.
func inChain(leaf, err error) (is bool) {
	defer func() { _ = recover() }()
	for link, links := leaf, 0; link != nil && links < longestChain; link, links = errors.Unwrap(link), links+1 {
		if same(link, err) {
			return true
		}
	}
	return false
}

// same is == also for errors that cannot be compared, such as slices.
func same(a, b error) bool {
	if reflect.TypeOf(a) != reflect.TypeOf(b) {
		return false
	}
	if reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() {
		return a == b
	}
	return reflect.DeepEqual(a, b)
}

// observeOthers leaves the panics of error handlers to be reported together
// with what was being handled.
func (a *App) observeOthers(ctx context.Context, r nursery.Report) {
	if _, panicked := r.Err.(*nursery.PanicError); !panicked {
		a.observe(ctx, r)
	}
}

// observe takes the reports of all the application's nurseries.
func (a *App) observe(ctx context.Context, r nursery.Report) {
	a.observeWith(ctx, r, noMore)
}

// observeWith is observe with what else is there to log.
func (a *App) observeWith(ctx context.Context, r nursery.Report, more func() []slog.Attr) {
	by := reporter{a, more}
	if a.options.Observe == nil || !a.tell(context.WithValue(ctx, reporterKey, by), r) {
		by.log(ctx, r)
	}
}

// reporter is who reports, and what else there is to log.
type reporter struct {
	app  *App
	more func() []slog.Attr
}

func noMore() []slog.Attr { return nil }

// reporterKey finds the reporter in the context that an observer gets.
var reporterKey = &contextKey{"reporter"}

func (by reporter) log(ctx context.Context, r nursery.Report) {
	attrs := append(r.LogAttrs(), whence(ctx)...)
	by.app.logAt(ctx, levelOf(r.Err), "creche: "+r.Kind(), append(attrs, by.more()...)...)
}

// levelOf returns the level at which err is logged: its own, if it has one.
func levelOf(err error) (level slog.Level) {
	level = slog.LevelError
	defer func() { _ = recover() }() // of a typed nil
	if own, ok := err.(slog.Leveler); ok {
		level = own.Level()
	}
	return level
}

// LogReport logs r as an application does that has no [Options.Observe], with the
// request that failed and the rules that were for an error and did not answer it:
// at level error or, if r.Err itself is a [slog.Leveler], at its own. It is for
// observers that do more than log, and is given what they were:
//
//	Observe: func(ctx context.Context, r nursery.Report) {
//		failures.Add(1)
//		creche.LogReport(ctx, r)
//	},
//
// The log is that of the application which reports; with another ctx than an
// observer's, or one derived from that, it is [slog.Default]. A nil ctx panics. It
// may be called from many goroutines, and costs what the logger does.
func LogReport(ctx context.Context, r nursery.Report) {
	if ctx == nil {
		panic("creche: LogReport: nil context")
	}
	by, ok := ctx.Value(reporterKey).(reporter)
	if !ok {
		// An App without a logger, for there is no observer's context.
		by = reporter{new(App), noMore}
	}
	by.log(ctx, r)
}

// whence returns as attributes what is known of the request that ctx belongs
// to, or that brought the connection which it is of.
func whence(ctx context.Context) []slog.Attr {
	if x := ExchangeOf(ctx); x != nil {
		r := x.asked()
		return methodAndPath(r.Method, pathOf(r))
	}
	if c, ok := ctx.Value(callKey).(*call); ok {
		return methodAndPath(c.method, c.path)
	}
	return nil
}

// asked returns the request as the client sent it, as far as that is known: what
// middleware inside changes of its own while a task reports.
func (x *Exchange) asked() *http.Request { return cmp.Or(x.outer.Load(), &x.request) }

// pathOf returns the path that the client asked for. It goes by the line of the
// request, which nobody changes: the URL is shared with middleware inside, which
// may be rewriting it in place. Without a server there is no line.
func pathOf(r *http.Request) string {
	u := r.URL
	if r.RequestURI != "" {
		u, _ = url.ParseRequestURI(r.RequestURI)
	}
	if u == nil { // of CONNECT, which has none
		return ""
	}
	return u.Path
}

func methodAndPath(method, path string) []slog.Attr {
	return []slog.Attr{slog.String("method", method), slog.String("path", path)}
}

func (a *App) logError(ctx context.Context, msg string, attrs ...slog.Attr) {
	a.logAt(ctx, slog.LevelError, msg, attrs...)
}

func (a *App) logWarning(ctx context.Context, msg string, attrs ...slog.Attr) {
	a.logAt(ctx, slog.LevelWarn, msg, attrs...)
}

// logAt logs. A logger that panics must not cost a client its answer either: it
// may do so because a value of ctx cannot be asked for, and else there is that of
// the process, which is told of the panic, too.
func (a *App) logAt(ctx context.Context, level slog.Level, msg string, attrs ...slog.Attr) {
	var broken any
	try := func(log *slog.Logger, ctx context.Context, level slog.Level, msg string, attrs ...slog.Attr) (done bool) {
		defer func() {
			if v := recover(); v != nil {
				broken = v
			}
		}()
		log.LogAttrs(ctx, level, msg, attrs...)
		return true
	}
	if try(a.log(), ctx, level, msg, attrs...) {
		return
	}
	ctx = context.Background()
	try(slog.Default(), ctx, slog.LevelError, "creche: panic in Options.Logger", slog.String("panic", nursery.PanicText(broken)))
	_ = try(a.log(), ctx, level, msg, attrs...) || try(slog.Default(), ctx, level, msg, attrs...)
}

// tell returns false if the observer panicked: that must not cost a client
// its answer.
func (a *App) tell(ctx context.Context, r nursery.Report) (told bool) {
	defer func() {
		if v := recover(); v != nil {
			a.logError(ctx, "creche: panic in Options.Observe", slog.String("panic", nursery.PanicText(v)))
		}
	}()
	a.options.Observe(ctx, r)
	return true
}
