// Package nurserytest is the kit for tests of code that uses nurseries: leak
// checks that name what leaked, exploration that makes things go wrong at
// random and can make the same go wrong again, and an HTTP server that lives in
// memory.
//
// The leak checks stand on their own. [CheckLeaks] guards one test,
// [CheckMain] all tests of a package:
//
//	func TestMain(m *testing.M) { nurserytest.CheckMain(m) }
//
// Concurrent code fails in the combinations that nobody thought of: a task
// panics while another has already failed and the client leaves. [Explore] runs
// a function under thousands of them, each with a seed, and checks after each
// run what holds for all code with nurseries: nothing is left running, and no
// failure was lost or told twice. What the code relies on is replaced by steps,
// which are slow, fail, panic and exit:
//
//	func TestGather(t *testing.T) {
//		nurserytest.Explore(t, func(ctx context.Context, x *nurserytest.Explorer) error {
//			texts, err := gather(ctx, pages, func(ctx context.Context, page string) (string, error) {
//				return "text of " + page, x.Step(ctx, page)
//			})
//			if err == nil && len(texts) != len(pages) {
//				x.Errorf("got %d texts and no error, want %d", len(texts), len(pages))
//			}
//			return err
//		})
//	}
//
// A seed that fails prints one line that runs it again, alone. Its nearest
// relatives are property-based tests. The difference is that chance rules over
// time and failures instead of over values.
//
// The server's nearest relative is [net/http/httptest.Server]. The difference
// is that no socket is involved, so that client, server and handler all run
// inside a bubble of [testing/synctest], where an hour of heartbeats takes a
// millisecond and a goroutine that never ends is a failure, not a guess:
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := nurserytest.NewServer(t, handler)
//		res, err := srv.Client().Get(srv.URL + "/quote/tea")
//		…
//	})
//
// Read on with [Explorer.Step], and with [Listen] for code that wants a
// [net.Listener] of its own.
package nurserytest
