package errorhandlers

// Matcher is a [Search] for callers whose handlers are an H: those of a queue's
// consumer, an interceptor of RPCs, a command. Rules whose answer is anything
// else are as good as not there, while translations are for everybody, so one
// set of them serves all transports of an application.
//
// The zero Matcher tries leaves in the order of failure and knows no statuses
// but this package's. A Matcher may be used concurrently, and its searches
// cost what those of a Search do.
type Matcher[H any] struct {
	Order  Order                                 // as in [Search]
	Status func(err error) (status int, ok bool) // as in [Search]
}

// Rule makes a rule of key and handler. A nil handler is a fault in [Compile].
func (m Matcher[H]) Rule(key Key, handler H) Rule { return NewRule(key, handler, 1) }

// Each is [Search.Each]. Try gets the handler of the answer's rule or, for a
// default answer, the zero H: then a.Rule is nil.
func (m Matcher[H]) Each(err error, rules *Frame, try func(handler H, a Answer) error) error {
	return m.search().Each(err, rules, func(a Answer) error { return try(handlerOf[H](a), a) })
}

// First is [Search.First], for those who do not go on after a failure.
func (m Matcher[H]) First(err error, rules *Frame) (handler H, a Answer, faults error) {
	a, faults = m.search().First(err, rules)
	return handlerOf[H](a), a, faults
}

// Explain is [Search.Explain].
func (m Matcher[H]) Explain(err error, rules *Frame) Explanation {
	return m.search().Explain(err, rules)
}

func (m Matcher[H]) search() Search {
	return Search{Order: m.Order, Status: m.Status, Accept: accepts[H]}
}

func accepts[H any](answer any) bool {
	_, ok := answer.(H)
	return ok
}

func handlerOf[H any](a Answer) (handler H) {
	if a.Rule != nil {
		handler, _ = a.Rule.Answer().(H)
	}
	return handler
}
