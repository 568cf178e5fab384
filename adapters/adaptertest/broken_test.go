//go:build !race

package adaptertest_test

// A broken adapter is one with a mistake that adapters make.
type broken struct {
	mistake string
	make    func(a *adapter)
	// caught are words of names of cases: each must be among those that fail.
	caught []string
}

var brokenAdapters = []broken{
	{"joins too late: the scope is around the router", joinsTooLate, []string{
		"a task that outlives its handler reads its own", "of many users",
	}},
	{"leaks the recycled context to background tasks", leaksContext, []string{
		"a background task reads its own", "of many users",
	}},
	{"drops late failures: tasks have a nursery whose error nobody reads", dropsLateFailures, []string{
		"a task that fails after the handler wrote 201", "a group's rules come before", "of several failures",
	}},
	{"doubles the answer", doublesAnswer, []string{"an error returned after", "the default answer", "a rule's handler that fails"}},
	{"does not hold the response", doesNotHold, []string{
		"a task that fails after the handler wrote 201", "what is sent is byte for byte", "nothing leaves before",
	}},
	{"holds everything: flushes do nothing", holdsEverything, []string{"a flush, a copy", "the writer has"}},
	{"has no Allow", hasNoAllow, []string{"a wrong method"}},
	{"answers 404 and 405 past the rules", refusesItself, []string{"an unknown route", "a wrong method"}},
	{"replaces the application's own 404", replacesOwn, []string{"a 404 and a 405 that the application wrote"}},
	{"swallows panics", swallowsPanics, []string{"a panic of the handler", "http.ErrAbortHandler", "with Repanic"}},
	{"has panics pass before the tasks are joined", passesPanics, []string{"with Repanic", "a panic of the handler"}},
	{"forgets the rules of groups", forgetsGroups, []string{"a group's rules come before", "a group's rules are in force", "faults of a group's"}},
	{"asks the outer group first", outerFirst, []string{"a group's rules come before"}},
	{"has the rules of groups in force everywhere", rulesEverywhere, []string{"a group's rules are in force"}},
	{"forgets timeouts", forgetsTimeouts, []string{"a group's timeout ends", "a group's timeout that passes"}},
	{"answers a timeout while the handler runs on", leavesLateHandlers, []string{"a group's timeout ends", "what is done within a group's timeout"}},
	{"has the rules under the timeout", limitsRules, []string{"a rule that answers a group's timeout"}},
	{"does not see the client leave", cutsContext, []string{
		"a client that leaves before a group's timeout", "of many clients that leave",
		"a client that leaves during the fan-out", "a client that leaves during the answer", "a deadline around", "a client that leaves while a rule's",
	}},
	{"has the request's values lost", losesValues, []string{"a background task outlives"}},
	{"tells the client what went wrong", tellsAll, []string{"a 5xx says nothing"}},
	{"puts the error into a header", tellsInHeader, []string{"a 5xx says nothing"}},
	{"calls the handler again when it failed", runsTwice, []string{"a failure runs its handler once"}},
	{"fails a request again for each error handed over", failsAgain, []string{"an error that middleware hands"}},
	{"takes a request that has failed for done", failsOnlyOnce, []string{"of an error that middleware hands over"}},
	{"shows outer middleware what handlers wrote", showsInside, []string{"what middleware outside finds"}},
	{"clears the header of a request that failed", clearsHeader, []string{"a refusal keeps the header"}},
	{"hides what the writer can do", hidesWriter, []string{"the writer has", "a hijacked connection", "a body that comes too slowly"}},
	{"keeps the form and the pattern to itself", keepsForms, []string{"an upload's temporary files", "middleware around"}},
	{"keeps the request for the background task", keepsRequest, []string{"what a background task keeps"}},
	{"allocates", allocates, []string{"allocations"}},
	{"passes nothing of the failure on", ignoresErrors, []string{"errors that say", "rules answer by", "a body over", "a background task too many"}},
	{"is not there", notThere, []string{"the context of a handler", "a stop cancels", "a real error of", "after the request"}},
	{"leaves a goroutine behind", leavesGoroutine, []string{"a response is complete", "early hints", "a 404 and a 405"}},
}
