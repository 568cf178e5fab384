package creche

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/creche-go/creche/nursery"
)

// What an operator reads of a server: the addresses that it listens on, that it
// stops and why, for how many requests the grace was too short, and that it has
// stopped. A start that fails before it listens is told by Serve alone.

// logListening tells an address and, of a service's, which service that is.
func logListening(ctx context.Context, log *slog.Logger, addr net.Addr) {
	attrs := []slog.Attr{slog.String("addr", addr.String())}
	if name, ok := ctx.Value(serviceKey).(string); ok {
		attrs = append(attrs, slog.String("service", name))
	}
	log.LogAttrs(ctx, slog.LevelInfo, "creche: listening", attrs...)
}

// serviceKey finds the name of a service in its context.
var serviceKey = &contextKey{"service"}

// logStopping tells that the stop begins.
func (s *server) logStopping() {
	s.log(slog.LevelInfo, "creche: stopping", slog.String("cause", s.why))
}

// logCancelling tells how many requests and connections are about to be
// cancelled, if any are.
func (s *server) logCancelling() {
	if requests, connections := s.app.life.handlers.counts(); requests+connections > 0 {
		s.log(slog.LevelWarn, "creche: cancelling requests", slog.Int("requests", requests), slog.Int("connections", connections))
	}
}

// logCutShort tells which background tasks were cut short beyond those that have a
// line each.
func (s *server) logCutShort() {
	if more := s.app.cutShort.rest(); len(more) > 0 {
		s.app.logWarning(s.base, "creche: more background tasks cut short", slog.Int("count", len(more)), slog.String("tasks", names(more)))
	}
}

// logStopped tells that the server has stopped. It returns err, as Serve is
// about to.
func (s *server) logStopped(err error) error {
	level, attrs := slog.LevelInfo, []slog.Attr{slog.String("cause", s.why), slog.Duration("took", time.Since(s.began))}
	if err != nil {
		level = slog.LevelError
		if lines := slices.DeleteFunc(firstLines(err), func(line string) bool { return line == s.why }); len(lines) > 0 {
			attrs = append(attrs, slog.String("error", strings.Join(lines, "; ")))
		}
	}
	s.log(level, "creche: stopped", attrs...)
	return err
}

// log logs for an operator of a server that listens, or did. A logger that
// panics must not keep it from stopping.
func (s *server) log(level slog.Level, msg string, attrs ...slog.Attr) {
	defer func() { _ = recover() }()
	if s.listens.Load() {
		s.app.log().LogAttrs(s.base, level, msg, attrs...)
	}
}

// mostJoined is how many errors are looked at of those that were joined.
const mostJoined = 100

// firstLines is firstLine of each error that was joined with others, and of theirs.
func firstLines(err error) (lines []string) {
	left := []error{err}
	for range mostJoined {
		if len(left) == 0 {
			break
		}
		first := left[0]
		left = left[1:]
		if several, ok := first.(interface{ Unwrap() []error }); ok && !isMultiError(first) {
			left = append(slices.Clone(several.Unwrap()), left...)
		} else if first != nil {
			lines = append(lines, firstLine(first))
		}
	}
	return lines
}

// isMultiError reports whether the first line of err says of how many failures it
// is.
func isMultiError(err error) bool {
	_, is := err.(*nursery.MultiError)
	return is
}

// firstLine is what err says, but for what there is to say of each of several,
// and for stacks.
func firstLine(err error) string {
	line, _, _ := strings.Cut(nursery.Text(err), "\n")
	return line
}
