package main

import (
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// Whoever changes package nursery learns here, and not minutes later, that a
// mutant has to change with it.
func TestMutantsApply(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.breaks, func(t *testing.T) {
			text, err := m.apply("../../" + tested)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.ParseFile(token.NewFileSet(), m.file, text, 0); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFailed(t *testing.T) {
	tests := []struct {
		name, out string
		want      []string
	}{
		{"tests that fail", "--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/row (0.00s)\n--- FAIL: TestB (0.00s)\n", []string{"TestA", "TestB"}},
		{"a test that hangs", "panic: test timed out after 40s\n\trunning tests:\n\t\tTestA/row (40s)\n", []string{"TestA"}},
		{"a test that crashes", "panic: x\n\nx/nursery_test.TestA.func1(0x1)\n\tx.go:1\nx/nursery_test.TestMain(0x1)\n\tx.go:1\n", []string{"TestA"}},
		{"none", "ok\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := failed([]byte(tt.out)); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
