package creche

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/creche-go/creche/nursery"
)

// underway is a gauge of the calls of the handler, and of connections that
// outlive theirs, which knows what it counts: so that a stop can name whom it
// has given up on. The list is kept under the lock that counting takes anyway.
type underway struct {
	gauge
	app      uint64    // tells the calls of one App from those of others
	since    time.Time // when it was made
	numbered uint64    // how many were counted so far
	ends     call      // of the list, which is a ring
	shut     bool
}

// call is what is known of one of them. It keeps strings, which nobody can
// change, and nothing of the request, which is the server's to use again.
type call struct {
	before, after *call
	number        uint64 // among those of the App
	method, path  string
	began         time.Duration // after the App was made
	conn          *connection   // that it came on, or nil
}

// adopted stands for the conn of connections that outlive their handler.
var adopted = func() *connection {
	k := new(connection)
	k.taken.Store(true)
	return k
}()

// callID is the App and the number in it. It is an array so that it is passed
// on the stack: see numbered.
type callID [2]uint64

var apps atomic.Uint64

// calls are pooled: a request costs no allocation for being known.
var calls = sync.Pool{New: func() any { return new(call) }}

func (u *underway) init() {
	u.app, u.since = apps.Add(1), time.Now()
	u.ends.before, u.ends.after = &u.ends, &u.ends
}

// admit counts c in, and returns true, unless u has been shut.
func (u *underway) admit(c *call) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.shut {
		return false
	}
	u.link(c)
	return true
}

// enter is admit for what is under way already.
func (u *underway) enter(c *call) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.link(c)
}

// shutOut has u admit nothing more.
func (u *underway) shutOut() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.shut = true
}

func (u *underway) link(c *call) {
	u.change(1)
	u.numbered++
	c.number, c.began = u.numbered, time.Since(u.since)
	c.before, c.after = u.ends.before, &u.ends
	c.before.after, c.after.before = c, c
}

// leave counts c out. A nil u has not counted it.
func (u *underway) leave(c *call) {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	c.before.after, c.after.before = c.after, c.before
	u.change(-1)
}

// finish counts out c, a request, and gives it back.
func (u *underway) finish(c *call) {
	u.leave(c)
	*c = call{}
	calls.Put(c)
}

// left lists what is still under way, the oldest first: requests, and
// connections that were taken over from the server.
func (u *underway) left() (requests, connections []nursery.TaskInfo) {
	u.mu.Lock()
	var all []call
	for c := u.ends.after; c != &u.ends; c = c.after {
		all = append(all, *c)
	}
	u.mu.Unlock()
	for _, c := range all {
		info := nursery.TaskInfo{Name: c.name(), Index: int(c.number), State: "running", Began: u.since.Add(c.began)}
		if c.isConnection() {
			connections = append(connections, info)
		} else {
			requests = append(requests, info)
		}
	}
	return requests, connections
}

// counts is how many there are in left.
func (u *underway) counts() (requests, connections int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := u.ends.after; c != &u.ends; c = c.after {
		if c.isConnection() {
			connections++
		}
	}
	return u.count - connections, connections
}

// isConnection reports whether c was taken over from the server.
func (c *call) isConnection() bool { return c.conn != nil && c.conn.taken.Load() }

// callOf begins what is known of r, which came on k.
func callOf(r *http.Request, k *connection) *call {
	c := calls.Get().(*call)
	c.method, c.path, c.conn = r.Method, r.URL.Path, k
	return c
}

// longestName is how much is told of a method, and of a path.
const longestName = 100

// name is method and path. The client chose them, so they are escaped as in a
// URL, which leaves no space, parenthesis or line break by which they could be
// taken for something else, and cut. What the query holds is not told: it may be
// a secret.
func (c *call) name() string {
	path := url.URL{Path: atMost(longestName, c.path)}
	name := atMost(longestName, url.PathEscape(atMost(longestName, c.method))) + " " + atMost(longestName, path.EscapedPath())
	return strings.TrimSuffix(name, " ")
}

// keep has c no longer hold on to the head of the request, which its strings
// are parts of.
func (c *call) keep() {
	if c.method == http.MethodGet {
		c.method = http.MethodGet // which is no part of a request
	} else {
		c.method = strings.Clone(atMost(longestName+1, c.method))
	}
	c.path = strings.Clone(atMost(longestName+1, c.path))
}

func atMost(n int, s string) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

// numbered calls f. Its frame in a trace of all goroutines (see stacksOf) tells
// whose goroutine it is: arrays are passed on the stack, not in registers, and so
// shown as they are. That a request can be found this way costs it nothing; a
// label of its own would cost an allocation, and every CPU profile one sample per
// request.
//
//go:noinline
func numbered(_ callID, f func()) { f() }

// idOf returns the number of c among those of all Apps. A nil u gives none.
func (u *underway) idOf(c *call) callID {
	if u == nil {
		return callID{}
	}
	return callID{u.app, c.number}
}
