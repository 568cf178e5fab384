package peers_test

import (
	"strconv"
	"strings"
	"testing"
)

// A guest is a tab with the chat's own page, behind a link of its own.
type guest struct {
	*tab
	t    *testing.T
	name string
	link *link
}

// invite opens the page, and returns when it is connected.
func invite(b *browser, name string, chat *chat) *guest {
	b.t.Helper()
	g := &guest{t: b.t, name: name, link: newLink(b.t, chat.addr)}
	g.tab = b.open("http://"+g.link.addr+"/", func(string) {})
	g.must("nameField.value = " + strconv.Quote(name))
	g.wantStatus("Connected")
	return g
}

// wantStatus waits until the page says so of its connection.
func (g *guest) wantStatus(words string) {
	g.t.Helper()
	eventually(g.t, g.name+"'s page says "+words, func() bool { return strings.Contains(g.must("status.textContent"), words) })
}

// wantPeople waits until the page says how many are there.
func (g *guest) wantPeople(words string) {
	g.t.Helper()
	eventually(g.t, g.name+"'s page says "+words, func() bool { return g.must("who.textContent") == words })
}

// types sends what the page's user typed.
func (g *guest) types(words string) {
	g.t.Helper()
	g.must("text.value = " + strconv.Quote(words) + "; form.requestSubmit()")
}

func (g *guest) reads(line string) bool {
	g.t.Helper()
	return strings.Contains(g.must("[...lines.querySelectorAll('p')].map(p => p.textContent).join('\\n')"), line)
}

// wantLine waits until the page shows what somebody said.
func (g *guest) wantLine(line string) {
	g.t.Helper()
	eventually(g.t, g.name+" reads "+line, func() bool { return g.reads(line) })
}

// offline says whether the browser takes the tab's network for gone. That
// alone lets an open websocket go on: the link has to vanish too.
func (g *guest) offline(gone bool) {
	g.t.Helper()
	conditions := map[string]any{"offline": gone, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
	if err := g.browser.call(g.session, "Network.emulateNetworkConditions", conditions, nil); err != nil {
		g.t.Fatal(err)
	}
}

// Two tabs with the page of the chat: what people see of it.
//
// W12
func TestTwoTabs(t *testing.T) {
	t.Parallel()
	chat := startChat(t, "127.0.0.1:0")
	b := startChromium(t)
	ann, bob := invite(b, "Ann", chat), invite(b, "Bob", chat)
	ann.wantPeople("2 people here")
	ann.types("hello")
	bob.wantLine("Ann: hello")
	bob.types("hello Ann <b>&</b>")
	ann.wantLine("Bob: hello Ann <b>&</b>")

	for _, way := range []struct {
		name       string
		leave, end func()
	}{
		{"a tunnel, which nobody tells the browser of", func() {}, func() {}},
		{"a lost network, of which the browser knows", func() { bob.offline(true) }, func() { bob.offline(false) }},
	} {
		from := bob.link.look().from
		bob.link.vanish()
		way.leave()
		ann.types("do you hear me, Bob? " + way.name)
		bob.wantStatus("trying again")
		chat.wantLeft(from, "no answer to a ping")
		ann.wantPeople("1 person here")

		bob.link.comeBack()
		way.end()
		bob.wantStatus("Connected")
		ann.wantPeople("2 people here")
		ann.types("there you are: " + way.name)
		bob.wantLine("Ann: there you are: " + way.name)
		if bob.reads("do you hear me, Bob? " + way.name) {
			t.Errorf("after %s Bob has read what was said meanwhile", way.name)
		}
	}

	chat.stop()
	ann.wantStatus("The server has stopped")
	bob.wantStatus("The server has stopped")
	chat.wantEnd(2)
	chat = startChat(t, chat.addr)
	ann.wantStatus("Connected")
	bob.wantStatus("Connected")
	bob.types("all is well again")
	ann.wantLine("Bob: all is well again")
	bob.close()
	chat.wantLeft(bob.link.look().from, "closed with 1001")
	ann.wantPeople("1 person here")
}
