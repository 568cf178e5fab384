// Package nurserytest is the kit for tests of code that uses nurseries: leak
// checks that name what leaked, and an HTTP server that lives in memory.
//
// The leak checks stand on their own. [CheckLeaks] guards one test,
// [CheckMain] all tests of a package:
//
//	func TestMain(m *testing.M) { nurserytest.CheckMain(m) }
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
// Read on with [Listen] for code that wants a [net.Listener] of its own.
package nurserytest
