// Package neighbours runs what others wrote as services of an application, and
// is where their tests are: in a module of its own, so that nobody who uses
// creche gets them. Each function is the whole recipe, to be copied.
package neighbours

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/riverqueue/river"
	"github.com/robfig/cron/v3"

	"github.com/creche-go/creche"
)

// Cron runs c. Its stop waits for the jobs under way.
func Cron(c *cron.Cron) creche.Service {
	return creche.Service{
		Start: func(context.Context) error {
			c.Start()
			return nil
		},
		Stop: func(ctx context.Context) error {
			select {
			case <-c.Stop().Done():
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		},
	}
}

// NATS runs an embedded server, which has started when clients can connect. It
// has no other way to tell that it ended by itself than to be waited for.
func NATS(s *server.Server) creche.Service {
	return creche.Service{
		Start: func(context.Context) error {
			s.Start()
			if !s.ReadyForConnections(10 * time.Second) {
				return errors.New("not ready for connections")
			}
			return nil
		},
		Run: func(context.Context) error {
			s.WaitForShutdown()
			return nil
		},
		Stop: func(context.Context) error {
			s.Shutdown()
			s.WaitForShutdown()
			return nil
		},
	}
}

// River runs c. Its stop waits for the jobs under way, and cancels them when
// there is no more time; they are tried again when a client runs the next time.
// Start is given the context that the client lives in, which is what the
// context of a service's Start is.
func River[Tx any](c *river.Client[Tx]) creche.Service {
	return creche.Service{
		Start: c.Start,
		Run: func(context.Context) error {
			<-c.Stopped()
			return nil
		},
		Stop: func(ctx context.Context) error {
			if err := c.Stop(ctx); ctx.Err() == nil {
				return err
			}
			return c.StopAndCancel(context.WithoutCancel(ctx)) // who hangs is left behind, and named
		},
	}
}
