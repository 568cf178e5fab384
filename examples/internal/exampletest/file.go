package exampletest

import (
	"os"
	"testing"
)

// ReadFile returns what is in a file.
func ReadFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
