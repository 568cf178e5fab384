package creche

import (
	"io"
	"net/http"
)

// Ready is a handler for readiness probes: 200 from when the services have
// started and the server accepts until the stop begins, which is before
// [Stopping.Delay], and 503 before and after. An App that does not serve itself
// is never ready. Who routes requests here should ask it often enough to notice
// within the delay.
//
//	mux.HandleFunc("GET /readyz", app.Ready)
//
// It may have a listener of its own, which answers while the services start
// and stop: see [Server], and add that one first.
func (a *App) Ready(w http.ResponseWriter, _ *http.Request) {
	if a.life.ready.Load() {
		answerProbe(w, http.StatusOK, "ready\n")
		return
	}
	answerProbe(w, http.StatusServiceUnavailable, "not ready\n")
}

// Live is a handler for liveness probes: 200 as long as the process can answer,
// also while it starts and stops. To be killed while it stops is what a
// process that finishes its work needs least.
func (a *App) Live(w http.ResponseWriter, _ *http.Request) {
	answerProbe(w, http.StatusOK, "live\n")
}

func answerProbe(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}
