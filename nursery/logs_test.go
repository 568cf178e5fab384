package nursery_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// logs is what log/slog's default logger was given.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// captureLogs puts a logger of its own in place of the default until the end
// of t.
func captureLogs(t *testing.T) *logs {
	t.Helper()
	l := new(logs)
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.NewTextHandler(l, nil)))
	return l
}

func (l *logs) want(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if got := l.String(); !strings.Contains(got, text) {
			t.Errorf("got log %q, want %q in it", got, text)
		}
	}
}
