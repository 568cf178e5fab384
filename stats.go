package creche

// Stats are what is under way in an application at a moment: gauges, for a page of
// metrics.
type Stats struct {
	// Requests are those being handled and Connections those (websockets) that were
	// taken over from the server by a request and still are, be it by its handler or
	// behind it. Both are counted while [App.Serve] serves them.
	Requests, Connections int
	// Background are the background tasks that run, and what those started in the
	// background. Queued are those that wait for one to end (see [Background]).
	Background, Queued int
}

// Stats tells what is under way. It may be called at any time and from any
// goroutine, allocates nothing and takes some nanoseconds for each request. What
// begins or ends meanwhile may be counted or not.
func (a *App) Stats() (s Stats) {
	s.Requests, s.Connections = a.life.handlers.counts()
	s.Queued = a.waiting.len()
	s.Background = max(0, a.background.Len()-s.Queued)
	return s
}
