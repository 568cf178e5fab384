package nursery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/creche-go/creche/nursery"
)

func failures(errs ...error) *nursery.MultiError {
	m := new(nursery.MultiError)
	for i, err := range errs {
		m.Failures = append(m.Failures, nursery.Failure{Err: err, Index: i + 1})
	}
	return m
}

// caught returns a panic as a nursery catches it.
func caught(v any) error {
	return nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		n.Go(panicking(v), nursery.Name("stock"))
		return nil
	}, nursery.OnPanic(nursery.ReturnPanics), quiet())
}

// M1
func TestMultiErrorPrintsALineForEachLeaf(t *testing.T) {
	named := &nursery.MultiError{Nursery: "shop", Failures: []nursery.Failure{
		{Err: errA, Task: "price", Index: 1},
		{Err: errors.New("two\nlines"), Index: 2},
		{Err: caught("boom"), Task: "stock", Index: 3},
		{Err: errB},
		{Err: context.Canceled, Index: -1},
	}, Omitted: 2}
	var typedNil *codeError
	var nilMulti *nursery.MultiError
	loop := failures(errA)
	loop.Failures = append(loop.Failures, nursery.Failure{Err: loop, Index: 2})
	tests := []struct {
		name string
		err  error
		want string
	}{
		{
			"named and unnamed tasks, a panic, the body, the parent, and omitted ones", named,
			"nursery shop: 7 failures\n\tprice: a failed\n\t#2: two\n\t\tlines\n\tstock: nursery: panic in task stock: boom\n\tb failed\n\tcontext canceled\n\tand 2 more",
		},
		{
			"nested ones, with the way to each leaf", failures(failures(errA, fmt.Errorf("wrapped: %w", errB)), fmt.Errorf("link: %w", failures(errC))),
			"nursery: 3 failures\n\t#1/#1: a failed\n\t#1/#2: wrapped: b failed\n\t#2/#1: c failed",
		},
		{"joined ones", failures(errors.Join(errA, errB)), "nursery: 2 failures\n\t#1: a failed\n\t#1: b failed"},
		{"a single one", failures(errA), "nursery: 1 failure\n\t#1: a failed"},
		{"the zero value", new(nursery.MultiError), "nursery: 0 failures"},
		{"a failure without error", failures(nil, errA), "nursery: 1 failure\n\t#2: a failed"},
		{"a typed nil", failures(typedNil, errA), "nursery: 2 failures\n\t#1: a nil *nursery_test.codeError was returned as an error\n\t#2: a failed"},
		{"a nil of its own kind", failures(nilMulti, errA), "nursery: 2 failures\n\t#1: a nil *nursery.MultiError was returned as an error\n\t#2: a failed"},
		{"an error that panics when asked", failures(badError{}), "nursery: 1 failure\n\t#1: nursery_test.badError, whose Error panics: bad"},
		{"one that holds itself", loop, "nursery: 1 failure\n\t#1: a failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, format := range []string{"%v", "%s"} {
				if got := fmt.Sprintf(format, tt.err); got != tt.want {
					t.Errorf("got %s\n%s\nwant\n%s", format, got, tt.want)
				}
			}
			if got, want := fmt.Sprintf("%q", tt.err), fmt.Sprintf("%q", tt.want); got != want {
				t.Errorf("got %%q %s, want %s", got, want)
			}
		})
	}
}

// M1
func TestMultiErrorPrintsATreeWithStacks(t *testing.T) {
	loop := failures(errA)
	loop.Failures = append(loop.Failures, nursery.Failure{Err: loop, Index: 2})
	m := &nursery.MultiError{Nursery: "shop", Failures: []nursery.Failure{
		{Err: failures(errA, errors.New("two\nlines")), Task: "price", Index: 1},
		{Err: caught("boom"), Task: "stock", Index: 2},
		{Err: loop, Index: 3},
		{Err: errB},
		{Err: nil, Index: 4},
	}, Omitted: 1}
	want := `nursery shop: 6 failures
	price:
		nursery: 2 failures
			#1: a failed
			#2: two
			lines
	stock: nursery: panic in task stock: boom
	
	github.com/creche-go/creche/nursery_test.…
	#3:
		nursery: 2 failures
			#1: a failed
			#2:
				…
	b failed
	and 1 more
`
	got := fmt.Sprintf("%+v", m)
	got = regexp.MustCompile(`(?s)(nursery_test\.).*?\n\t#3`).ReplaceAllString(got, "$1…\n\t#3")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// M1
func TestMultiErrorsAreLoggedAsGroups(t *testing.T) {
	m := &nursery.MultiError{Nursery: "shop", Failures: []nursery.Failure{
		{Err: errA, Task: "price", Index: 1},
		{Err: errors.Join(errB, errC), Task: "stock", Index: 2},
		{Err: errA},
		{Err: caught("boom"), Index: 1},
		{Err: context.Canceled, Index: -1},
	}, Omitted: 2}
	var buf bytes.Buffer
	slog.New(slog.NewJSONHandler(&buf, nil)).Error("failed", "err", m)
	var line struct{ Err map[string]any }
	if err := json.Unmarshal(buf.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"count": 8.0, "price": "a failed", "stock": "b failed", "stock~2": "c failed",
		"failure": "a failed", "#1": "nursery: panic in task stock: boom", "failure~2": "context canceled",
	}
	if fmt.Sprint(line.Err) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", line.Err, want)
	}
}

// M1, N9
func TestPanicsAreLoggedAsGroups(t *testing.T) {
	var buf bytes.Buffer
	p := raisedPanic(t, func() {
		nursery.All(t.Context(), func(ctx context.Context) error { waits(ctx); return errA }, panicking("boom"))
	})
	slog.New(slog.NewTextHandler(&buf, nil)).Error("failed", "err", p)
	for _, want := range []string{"err.panic=boom", "err.stack=\"github.com/creche-go", "err.others=\"a failed\""} {
		if got := buf.String(); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
}

// M1
func TestErrorsIsAndAsReachEveryLeaf(t *testing.T) {
	err := failures(failures(errA, &codeError{3}), fmt.Errorf("link: %w", failures(errB, uncomparable{})), errors.Join(errC, statusError{"x"}))
	for _, want := range []error{errA, errB, errC, statusError{"x"}} {
		if !errors.Is(err, want) {
			t.Errorf("errors.Is does not find %v", want)
		}
	}
	if got, ok := errors.AsType[*codeError](err); !ok || got.code != 3 {
		t.Errorf("got %v, want code 3", got)
	}
	if _, ok := errors.AsType[uncomparable](err); !ok {
		t.Error("errors.As does not find the uncomparable")
	}
	if errors.Is(err, context.Canceled) {
		t.Error("errors.Is finds what is not there")
	}
}

// N9: a PanicError of a user's own making has no part that is nil.
func TestAPanicErrorOfOnesOwnMaking(t *testing.T) {
	p := &nursery.PanicError{Value: errA, Others: errB}
	if !errors.Is(p, errA) || !errors.Is(p, errB) || errors.Is(p, errC) {
		t.Error("errors.Is does not find its parts")
	}
	if got, want := p.Error(), "nursery: panic: a failed\n\n\nbeside it: b failed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
