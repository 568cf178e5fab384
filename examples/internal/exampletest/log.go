package exampletest

import (
	"log"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// Log keeps what the program logs.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // closed at the next write
}

// CaptureLog has [slog.Default] write to the returned Log until the test ends.
// It is shown if the test fails.
func CaptureLog(t testing.TB) *Log {
	l := &Log{more: make(chan struct{})}
	before, out, flags := slog.Default(), log.Writer(), log.Flags()
	slog.SetDefault(slog.New(slog.NewTextHandler(l, nil)))
	t.Cleanup(func() {
		slog.SetDefault(before)
		log.SetOutput(out) // SetDefault took it, and does not give it back
		log.SetFlags(flags)
		if t.Failed() {
			t.Logf("the log:\n%s", l.Text())
		}
	})
	return l
}

// Write appends to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.more)
	l.more = make(chan struct{})
	return l.text.Write(p)
}

// Text returns what has been logged.
func (l *Log) Text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Reset forgets what has been logged.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

// Wait returns when the log contains text. It fails the test when that takes
// more than ten seconds.
func (l *Log) Wait(t testing.TB, text string) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		l.mu.Lock()
		found, more := strings.Contains(l.text.String(), text), l.more
		l.mu.Unlock()
		if found {
			return
		}
		select {
		case <-more:
		case <-late:
			t.Fatalf("the log never said %q", text)
		}
	}
}
