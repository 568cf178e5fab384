package recipes

import (
	"context"
	"net/http"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// Reindexer reindexes tenants, one job of each at a time.
type Reindexer struct {
	Reindex func(ctx context.Context, tenant string) error // the job
	turns   nursery.Turns                                  // by tenant
}

// Start starts a job behind those of the same tenant.
func (x *Reindexer) Start(w http.ResponseWriter, r *http.Request) error {
	tenant := r.PathValue("tenant")
	reindex := func(ctx context.Context) error { return x.Reindex(ctx, tenant) }
	if err := creche.Go(r.Context(), "reindex", x.turns.Take(tenant, reindex)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// Consume has the application consume a queue. It restarts the consumer, and
// gives up, with the whole application, at the sixth failure within a minute.
func Consume(app *creche.App, consume func(ctx context.Context) error) error {
	restarted := nursery.Restart(consume, nursery.RestartOptions{Name: "consumer"})
	return app.Go(context.Background(), "consumer", restarted, nursery.Critical())
}

// Clean has the application clean up every minute. A run that fails is reported,
// and the next one comes all the same.
func Clean(app *creche.App, clean func(ctx context.Context) error) {
	app.Service("cleaner", creche.Daemon(nursery.Every(time.Minute, nursery.BestEffort("clean up", clean))))
}

// Batches is a daemon that works until the application drains, and then
// finishes the batch that it has begun.
func Batches(next func(ctx context.Context) error) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		for {
			select {
			case <-nursery.Draining(ctx): // the soft end: begin nothing new
				return nil
			case <-time.After(time.Second):
				if err := next(ctx); err != nil { // the hard one is the end of ctx
					return err
				}
			}
		}
	}
}

// Release gives a lock back also when ctx has ended, for which it has a second.
func Release(ctx context.Context, release func(ctx context.Context) error) error {
	return nursery.Shield(ctx, time.Second, release)
}
