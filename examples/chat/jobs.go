package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/websocket"
)

// jobTime is how long a job pretends to work. It is less than what a stop
// gives background tasks, so that a job that has started also ends.
const jobTime = 3 * time.Second

// startJob answers at once. The job goes on in the application's background
// nursery, which outlives the request and is joined before the program ends.
func (c *chat) startJob(w http.ResponseWriter, r *http.Request) error {
	n := c.jobs.Add(1)
	err := creche.Go(r.Context(), fmt.Sprintf("job %d", n), func(ctx context.Context) error {
		return c.job(ctx, n)
	})
	if err != nil {
		return err // too many of them, or the program is stopping: 503
	}
	w.WriteHeader(http.StatusCreated)
	_, err = io.WriteString(w, "Started")
	return err
}

// job works and says in the room how that ended. When the program is stopping
// the room may be empty by then, which harms nobody.
func (c *chat) job(ctx context.Context, n int64) error {
	select {
	case <-time.After(jobTime):
		c.announce(ctx, fmt.Sprintf("job %d is done", n))
		return nil
	case <-ctx.Done(): // the grace for background tasks is over
		c.announce(ctx, fmt.Sprintf("job %d was cut short", n))
		return context.Cause(ctx)
	}
}

func (c *chat) announce(ctx context.Context, news string) {
	slog.InfoContext(ctx, "chat: "+news)
	c.rooms.To(lobby).Broadcast(websocket.Text("server: " + news))
}
