package nurserytest

// After has f called after each run, with its seed and with what happened.
func After(f func(seed uint64, history string)) ExploreOption {
	return ExploreOption{func(e *exploration) {
		e.after = func(x *Explorer) { f(x.seed, x.history()) }
	}}
}
