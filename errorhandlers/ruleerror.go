package errorhandlers

import (
	"fmt"
	"runtime/debug"

	"github.com/creche-go/creche/nursery"
)

// RuleError reports a rule that failed: its handler returned an error, or its
// predicate or translation panicked. [Search.Each] returns them.
type RuleError struct {
	Rule  *Rule // nil: the default answer
	Err   error // what the rule was handed
	Cause error // what went wrong
}

// Error tells the rule, the cause and the error that the rule was handed.
func (e *RuleError) Error() string {
	return "errorhandlers: " + e.Rule.String() + " failed: " + nursery.Text(e.Cause) + "\nwhile it answered: " + nursery.Text(e.Err)
}

// Unwrap returns the cause and what the rule was handed, so that both are
// reached by [errors.Is] and are leaves of a report.
func (e *RuleError) Unwrap() []error { return []error{e.Cause, e.Err} }

// panicked makes a RuleError of what recover returned. It must be called by
// the deferred function, whose stack still has the panic's below it.
func panicked(rule *Rule, err error, v any) error {
	stack := debug.Stack()
	cause := fmt.Errorf("panic: %s\n\n%s", nursery.PanicText(v), stack)
	if reason, ok := v.(error); ok {
		cause = fmt.Errorf("panic: %w\n\n%s", reason, stack)
	}
	return &RuleError{Rule: rule, Err: err, Cause: cause}
}
