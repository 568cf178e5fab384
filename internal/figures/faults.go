package main

// A fault is a row of the page: what goes wrong, what is promised then, and the
// tests that do it.
type fault struct {
	what, promise string
	proofs        []proof
}

// A proof is a test of a package, or whatever a command of the repository does.
type proof struct {
	dir, test string
	command   string // instead of a test
	race      bool   // only counts under the race detector
}

// Two cases of the suite for adapters, over both protocols.
const (
	leave = "TestConformance/.*/many_clients_that_leave"
	users = "TestConformance/.*/many_users_at_once"
)

// faults are the rows, in the order of the page.
var faults = []fault{
	{"any mix of results, delays, panics and cancellations from outside", "no task is alive after the join",
		[]proof{{dir: "nursery", test: "TestExplore"}}},
	{"several tasks fail together", "no error is lost, and their order is that of the failures",
		[]proof{{dir: "nursery", test: "TestExplore"}, {dir: "nursery", test: "TestFailuresComeInTheOrderTheyHappened"}}},
	{"the same seed again", "the same history",
		[]proof{{dir: "nursery/nurserytest", test: "TestExploreRepeatsItself"}}},
	{"panics of all kinds, nil dereferences, `Goexit`, `http.ErrAbortHandler`", "the process lives, and the stack is kept",
		[]proof{{dir: "nursery", test: "TestPanicValuesOfAllKinds"}}},
	{"clients leave in the middle of a request", "their tasks are cancelled at once, and nothing leaks",
		[]proof{{dir: "adapters/httpcreche", test: leave}, {dir: "adapters/chicreche", test: leave}, {dir: "adapters/echocreche", test: leave}, {dir: "adapters/echo5creche", test: leave}}},
	{"a handler has returned and its background task runs on", "it keeps the values, is not cancelled, and reads no other request's parameters",
		[]proof{{dir: "adapters/chicreche", test: users, race: true}, {dir: "adapters/echocreche", test: users, race: true}, {dir: "adapters/echo5creche", test: users, race: true}}},
	{"SIGTERM under load", "what was accepted is answered, and each background task has finished or is named",
		[]proof{{dir: "examples/graceful-stop", test: "TestSIGTERMUnderFire"}, {dir: ".", test: "TestAcceptedRequestsAreAnswered"}}},
	{"SIGTERM with a thousand websockets", "each that answers is told 1001",
		[]proof{{dir: "websocket", test: "TestAStopOverTCP"}}},
	{"a task ignores its cancellation", "the stop ends on its budget, and the task is named with its stack",
		[]proof{{dir: ".", test: "TestAStopEndsWhateverIsLeft"}}},
	{"a start after the close", "it never runs",
		[]proof{{dir: "nursery", test: "TestOfAMillionLateStartsNoneRuns"}}},
	{"ten million submits against a limit that is stuck", "memory grows by 10 MB at most, the rest is told `ErrFull`",
		[]proof{{dir: ".", test: "TestAStuckBackgroundStaysSmall"}}},
	{"a service that dies at once, for ever", "restarts are spaced, cost nothing, and it is given up",
		[]proof{{dir: ".", test: "TestAServiceThatDiesForADay"}}},
	{"websocket peers that are slow, cut, half open or dribble", "both sides end, and nothing leaks",
		[]proof{{dir: "websocket", test: "TestFaultyConnections"}}},
	{"hostile input: trees of errors, headers, frames, compressed bombs", "a clear error, limits hold, and nothing internal shows",
		[]proof{{command: "make fuzz"}}},
	{"leaks of our own", "none",
		[]proof{{command: "make leaks"}}},
}
