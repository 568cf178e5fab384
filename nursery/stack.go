package nursery

import (
	"fmt"
	"runtime"
	"strings"
)

// stack is where a goroutine was when it ended out of turn, as program
// counters: they cost a thirtieth of what debug.Stack does, and are made
// readable when somebody prints them.
type stack []uintptr

// callers returns the stack from the caller of its caller on.
func callers() stack {
	var pcs [64]uintptr
	depth := runtime.Callers(3, pcs[:])
	return append(stack(nil), pcs[:depth]...)
}

// below prints the stack below the function machinery, which runs the deferred
// functions of a goroutine that panics or exits.
func (s stack) below(machinery string) string {
	var b strings.Builder
	frames := runtime.CallersFrames(s)
	for above := true; ; {
		frame, more := frames.Next()
		if !above {
			fmt.Fprintf(&b, "%s(...)\n\t%s:%d\n", frame.Function, frame.File, frame.Line)
		}
		above = above && frame.Function != machinery
		if !more {
			return b.String()
		}
	}
}
