package peers_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"
)

// A browser is headless Chromium, driven by its DevTools protocol: messages of
// JSON, each ended by a zero byte, through two pipes.
type browser struct {
	t       *testing.T
	process *process
	in      *os.File

	mu      sync.Mutex
	last    int
	waiting map[int]chan reply      // by the number of the call
	tabs    map[string]func(notice) // by session
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// A notice is an event of the protocol.
type notice struct {
	Method string
	Params struct{ Payload string }
}

func startChromium(t *testing.T) *browser {
	t.Helper()
	home, err := os.MkdirTemp(scratch, "home")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(chromium(), "--headless=new", "--remote-debugging-pipe", "--no-sandbox", // which root has to do without
		"--user-data-dir="+home, "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--no-proxy-server", "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+home)
	theirIn, in := pipe(t)
	out, theirOut := pipe(t)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	b := &browser{t: t, in: in, waiting: make(map[int]chan reply), tabs: make(map[string]func(notice))}
	b.process = begin(t, cmd)
	theirIn.Close()
	theirOut.Close()
	go b.listen(out)
	t.Cleanup(b.quit)
	return b
}

// quit has the browser end by itself, with all its processes.
func (b *browser) quit() {
	if err := b.call("", "Browser.close", nil, nil); err != nil {
		return // it is killed
	}
	select {
	case <-b.process.ended:
	case <-time.After(patience):
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return r, w
}

// listen takes what the browser says until it has ended.
func (b *browser) listen(out *os.File) {
	messages := bufio.NewReader(out)
	for {
		var m struct {
			ID        int
			SessionID string
			reply
			notice
		}
		text, err := messages.ReadBytes(0)
		if err != nil || json.Unmarshal(text[:len(text)-1], &m) != nil {
			return
		}
		b.mu.Lock()
		waiting, tab := b.waiting[m.ID], b.tabs[m.SessionID]
		delete(b.waiting, m.ID)
		b.mu.Unlock()
		switch {
		case waiting != nil:
			waiting <- m.reply
		case tab != nil && m.Method != "":
			tab(m.notice)
		}
	}
}

// call calls a method of the protocol, and reads what it returns into result,
// unless that is nil.
func (b *browser) call(session, method string, params map[string]any, result any) error {
	answer := make(chan reply, 1)
	b.mu.Lock()
	b.last++
	b.waiting[b.last] = answer
	text, err := json.Marshal(map[string]any{"id": b.last, "sessionId": session, "method": method, "params": params})
	if err == nil {
		_, err = b.in.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case r := <-answer:
		if r.Error != nil {
			return errors.New(method + ": " + r.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(r.Result, result)
	case <-b.process.ended:
		return fmt.Errorf("chromium has ended (%v)", b.process.err)
	case <-time.After(patience):
		return errors.New(method + " does not return")
	}
}

// A tab is a page.
type tab struct {
	browser *browser
	target  string
	session string
}

// open opens a tab and returns when its page has loaded. What the page hands to
// its function tell is told.
func (b *browser) open(page string, told func(string)) *tab {
	b.t.Helper()
	tab := &tab{browser: b}
	var target struct{ TargetID string }
	var session struct{ SessionID string }
	loaded := make(chan bool, 1)
	must := func(method string, params map[string]any, result any) {
		b.t.Helper()
		if err := b.call(tab.session, method, params, result); err != nil {
			b.t.Fatal(err)
		}
	}
	must("Target.createTarget", map[string]any{"url": "about:blank", "newWindow": true}, &target)
	tab.target = target.TargetID
	must("Target.attachToTarget", map[string]any{"targetId": tab.target, "flatten": true}, &session)
	tab.session = session.SessionID
	b.mu.Lock()
	b.tabs[tab.session] = func(n notice) {
		switch n.Method {
		case "Page.loadEventFired":
			select {
			case loaded <- true:
			default: // again
			}
		case "Runtime.bindingCalled":
			told(n.Params.Payload)
		}
	}
	b.mu.Unlock()
	must("Page.enable", nil, nil)
	must("Runtime.enable", nil, nil)
	must("Runtime.addBinding", map[string]any{"name": "tell"}, nil)
	must("Page.navigate", map[string]any{"url": page}, nil)
	select {
	case <-loaded:
	case <-time.After(patience):
		b.t.Fatalf("%s does not load", page)
	}
	return tab
}

// eval returns the value of an expression in the page, a text.
func (t *tab) eval(expression string) (string, error) {
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Exception struct{ Description string }
		}
	}
	if err := t.browser.call(t.session, "Runtime.evaluate", map[string]any{"expression": expression}, &r); err != nil {
		return "", err
	}
	if r.ExceptionDetails != nil {
		return "", errors.New(r.ExceptionDetails.Exception.Description)
	}
	return fmt.Sprint(r.Result.Value), nil
}

// must is eval for what cannot fail.
func (t *tab) must(expression string) string {
	t.browser.t.Helper()
	value, err := t.eval(expression)
	if err != nil {
		t.browser.t.Fatalf("%.60s: %v", expression, err)
	}
	return value
}

// close closes the tab, as its user does.
func (t *tab) close() {
	t.browser.t.Helper()
	if err := t.browser.call("", "Target.closeTarget", map[string]any{"targetId": t.target}, nil); err != nil {
		t.browser.t.Fatal(err)
	}
}

// startPage is the client of a script in a page of the chat's own origin.
func startPage(t *testing.T, page string, saw func(event)) func(command) {
	t.Helper()
	source, err := os.ReadFile(testdata(t, "standard.js"))
	if err != nil {
		t.Fatal(err)
	}
	tab := startChromium(t).open(page+"who", func(text string) { // has no socket of its own
		e := event{Saw: "failed", Text: text}
		_ = json.Unmarshal([]byte(text), &e)
		saw(e)
	})
	tab.must(string(source) + "\nconst client = standard(WebSocket, event => tell(JSON.stringify(event)))")
	return func(c command) {
		text, _ := json.Marshal(c)
		if _, err := tab.eval("client[" + strconv.Quote(c.Do) + "](" + string(text) + ")"); err != nil {
			saw(event{Saw: "failed", Text: err.Error()})
		}
	}
}
