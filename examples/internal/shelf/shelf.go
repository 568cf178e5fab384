// Package shelf keeps the orders of the example of a graceful stop. It knows
// nothing of creche.
package shelf

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// A Shelf is a directory with a file for each order.
type Shelf struct {
	// Dir is its path. Open makes it.
	Dir string

	filed atomic.Int64
}

// Unfinished is the end of a file's name until it is whole.
const Unfinished = ".part"

// Open makes the directory, and throws away what a process that was killed
// had begun.
func (s *Shelf) Open(context.Context) error {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return err
	}
	parts, err := filepath.Glob(filepath.Join(s.Dir, "*"+Unfinished))
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := os.Remove(part); err != nil {
			return err
		}
	}
	return nil
}

// File writes an order. Its file gets its name when it is whole.
func (s *Shelf) File(ctx context.Context, id string, text []byte) error {
	name := filepath.Join(s.Dir, filepath.Base(id))
	f, err := os.Create(name + Unfinished)
	if err != nil {
		return err
	}
	if err := errors.Join(write(ctx, f, text), f.Close()); err != nil {
		return err
	}
	s.filed.Add(1)
	return os.Rename(f.Name(), name)
}

// write does so in two halves, so that there is something to interrupt.
func write(ctx context.Context, f *os.File, text []byte) error {
	for _, half := range [][]byte{text[:len(text)/2], text[len(text)/2:]} {
		if _, err := f.Write(half); err != nil {
			return err
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Close says how many were filed.
func (s *Shelf) Close(context.Context) error {
	slog.Info("shelf closed", "filed", s.filed.Load())
	return nil
}

// Count looks after the shelf every now and then.
func (s *Shelf) Count(context.Context) error {
	files, err := os.ReadDir(s.Dir)
	slog.Info("inventory", "files", len(files))
	return err
}

// Metrics are for Prometheus.
func (s *Shelf) Metrics(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, "orders_filed_total %d\n", s.filed.Load())
}
