package neighbours_test

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite"

	"github.com/creche-go/creche"
)

// mail is a job.
type mail struct {
	To string `json:"to"`
}

// Kind is the job's name in the database.
func (mail) Kind() string { return "mail" }

// mailer works mails with a function.
type mailer struct {
	river.WorkerDefaults[mail]
	work func(ctx context.Context, to string) error
}

// Work is what River calls.
func (m *mailer) Work(ctx context.Context, job *river.Job[mail]) error {
	return m.work(ctx, job.Args.To)
}

// queue is a River client on a SQLite file.
type queue struct {
	*river.Client[*sql.Tx]
	db *sql.DB
}

// openQueue opens the queue in a file of the test's directory.
func openQueue(t *testing.T, work func(ctx context.Context, to string) error) *queue {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "river.db")+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	driver := riversqlite.New(db)
	workers := river.NewWorkers()
	river.AddWorker(workers, &mailer{work: work})
	client, err := river.NewClient(driver, &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 4}}, Workers: workers,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &queue{Client: client, db: db}
}

// database is the service that River relies on: it makes the tables, and is
// closed after River has stopped.
func (q *queue) database() creche.Service {
	return creche.Service{
		Start: func(ctx context.Context) error {
			migrator, err := rivermigrate.New(riversqlite.New(q.db), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				return err
			}
			_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
			return err
		},
		Stop: func(context.Context) error { return q.db.Close() },
	}
}
