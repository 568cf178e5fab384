package main

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

// shelf is a directory with a file for each order.
type shelf struct {
	dir   string
	filed atomic.Int64
}

const unfinished = ".part" // the end of a file's name until it is whole

// open makes the directory, and throws away what a process that was killed
// had begun.
func (s *shelf) open(context.Context) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	parts, err := filepath.Glob(filepath.Join(s.dir, "*"+unfinished))
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

// file writes an order. Its file gets its name when it is whole.
func (s *shelf) file(ctx context.Context, id string, text []byte) error {
	name := filepath.Join(s.dir, filepath.Base(id))
	f, err := os.Create(name + unfinished)
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

func (s *shelf) close(context.Context) error {
	slog.Info("shelf closed", "filed", s.filed.Load())
	return nil
}

// count looks after the shelf every now and then.
func (s *shelf) count(context.Context) error {
	files, err := os.ReadDir(s.dir)
	slog.Info("inventory", "files", len(files))
	return err
}

func (s *shelf) metrics(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, "orders_filed_total %d\n", s.filed.Load())
}
