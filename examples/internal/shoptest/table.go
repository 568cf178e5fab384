package shoptest

import "strings"

// exchange is one request and what it must come to.
type exchange struct {
	name   string
	method string
	path   string
	accept string
	body   string

	status  int
	text    string   // the whole body, if it is not a problem's
	kind    string   // content type
	allow   string   // a method that Allow has
	detail  string   // what the body says among other things
	closes  bool     // the connection
	secrets []string // what the body must not say
	logs    []string // what the log must have said when the answer arrives
	fault   bool     // something is logged as an error
}

const (
	plain   = "text/plain; charset=utf-8"
	problem = "application/problem+json"
)

var table = []exchange{
	{
		name: "a quote joins two look-ups", method: "GET", path: "/quote/tea",
		status: 200, text: "tea: 12 in stock, 450 cents each\n", kind: plain,
	}, {
		name: "an error type with a rule makes the answer, and the other look-up is cancelled", method: "GET", path: "/quote/unknown",
		status: 404, kind: problem, detail: "There is no unknown.", logs: []string{"stock look-up cancelled", `unknown SKU`},
	}, {
		name: "either look-up can make the answer", method: "GET", path: "/quote/soldout",
		status: 409, kind: problem, detail: "There is no soldout left.",
	}, {
		name: "of two failures the one that a rule answers makes the answer, and the other is logged", method: "GET", path: "/quote/cursed",
		status: 409, kind: problem, detail: "There is no cursed left.", secrets: []string{"price list"}, logs: []string{"torn out of the price list"}, fault: true,
	}, {
		name: "a panic is a 500 that tells the client nothing and the log everything", method: "GET", path: "/quote/boom",
		status: 500, kind: problem, secrets: []string{"boom", "goroutine", ".go"}, logs: []string{"boom", "stack=", "shop.Price"}, fault: true,
	}, {
		name: "the server survives a panic", method: "GET", path: "/quote/tea",
		status: 200, text: "tea: 12 in stock, 450 cents each\n", kind: plain,
	}, {
		name: "a client that prefers text gets its problems as text", method: "GET", path: "/quote/unknown", accept: "text/plain",
		status: 404, kind: plain, detail: "There is no unknown.",
	}, {
		name: "an order is answered when its booking has ended", method: "POST", path: "/orders/tea", body: "no milk",
		status: 201, text: "Ordered tea (7 bytes of special wishes)\n", kind: plain,
	}, {
		name: "a booking that fails replaces the 201 that was written", method: "POST", path: "/orders/soldout",
		status: 409, kind: problem, detail: "There is no soldout left.", secrets: []string{"Ordered"},
	}, {
		name: "rules hold for tasks, too", method: "POST", path: "/orders/unknown",
		status: 404, kind: problem, detail: "There is no unknown.", secrets: []string{"Ordered"},
	}, {
		name: "an order of exactly 1 KiB is read", method: "POST", path: "/orders/tea", body: strings.Repeat("x", 1<<10),
		status: 201, text: "Ordered tea (1024 bytes of special wishes)\n", kind: plain,
	}, {
		name: "an order over 1 KiB is too large", method: "POST", path: "/orders/tea", body: strings.Repeat("x", 1<<10+1),
		status: 413, kind: problem, closes: true, secrets: []string{"Ordered"},
	}, {
		name: "a job is started, not waited for", method: "POST", path: "/jobs",
		status: 201, text: "Started", kind: plain,
	}, {
		name: "an unknown route is not found", method: "GET", path: "/teapots",
		status: 404, kind: problem,
	}, {
		name: "a quote cannot be posted", method: "POST", path: "/quote/tea",
		status: 405, kind: problem, allow: "GET",
	}, {
		name: "an order cannot be got", method: "GET", path: "/orders/tea",
		status: 405, kind: problem, allow: "POST",
	},
}
