package errorhandlers

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// aboutBody are the headers that describe a body, or how long it keeps. What a
// handler set of them before it failed was about another one.
var aboutBody = []string{
	"Accept-Ranges", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language",
	"Content-Length", "Content-Location", "Content-Range", "Content-Type", "Etag", "Expires", "Last-Modified", "Trailer",
	"Transfer-Encoding",
}

// AboutBody reports whether the header key, in canonical form, describes a
// body or how long it keeps, and so says nothing about the body of an error
// answer in its place. It is for those who discard responses.
func AboutBody(key string) bool { return slices.Contains(aboutBody, key) }

// ownBody are the headers that a Problem's author cannot set, as the body is
// not the author's.
var ownBody = []string{
	"Content-Encoding", "Content-Length", "Content-Range", "Content-Type", "Trailer", "Transfer-Encoding",
}

// ServeHTTP answers the request with the problem: as application/problem+json
// or, if the request's Accept header likes that better, as text/plain. Headers
// about a body that are already set are removed. To a HEAD request it sends
// the headers only.
func (p *Problem) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	contentType, body := "application/problem+json", p.json
	if prefersText(r.Header["Accept"]) {
		contentType, body = "text/plain; charset=utf-8", p.text
	}
	content := body()
	h := w.Header()
	for _, name := range aboutBody {
		h.Del(name)
	}
	p.SetHeader(h)
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(content)))
	h.Set("X-Content-Type-Options", "nosniff")
	if !slices.Contains(h["Vary"], "Accept") {
		h.Add("Vary", "Accept")
	}
	w.WriteHeader(p.HTTPStatus())
	if r.Method != http.MethodHead {
		// An error here means that the client has gone, which whoever holds
		// the connection notices too.
		_, _ = w.Write(content)
	}
}

// SetHeader sets the problem's own headers in h, those that can be sent, as
// [Problem.ServeHTTP] does. It is for those who write the rest of the answer
// themselves.
func (p *Problem) SetHeader(h http.Header) {
	for name, values := range p.Header {
		if !isToken(name) {
			continue
		}
		h.Del(name)
		for _, value := range values {
			h.Add(name, oneLine(value))
		}
	}
	for _, name := range ownBody {
		h.Del(name)
	}
}

// isToken reports whether name is a field name (RFC 9110, section 5.1).
func isToken(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)):
			return false
		}
	}
	return name != ""
}

// oneLine replaces control characters, with which a value could end its line
// and begin a header of its own.
func oneLine(value string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, value)
}

func (p *Problem) text() []byte {
	text := p.title()
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	return []byte(strings.ToValidUTF8(text, "\uFFFD") + "\n")
}

// members are those that RFC 9457 defines, in its order.
type members struct {
	Type     string `json:"type,omitempty"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"`
}

func (p *Problem) json() []byte {
	m := members{Type: p.Type, Title: p.title(), Status: p.HTTPStatus(), Detail: p.Detail, Instance: p.Instance}
	if m.Type == "about:blank" {
		m.Type = ""
	}
	var b bytes.Buffer
	_ = json.NewEncoder(&b).Encode(m) // strings and an int always can be
	if more := p.extensions(); len(more) > len("{}") {
		b.Truncate(b.Len() - len("}\n"))
		b.WriteByte(',')
		b.Write(more[1:])
		_, _ = io.WriteString(&b, "\n")
	}
	return b.Bytes()
}

// extensions returns the extension members as a JSON object, or nothing if
// they cannot be marshalled.
func (p *Problem) extensions() (object []byte) {
	if len(p.Extensions) == 0 {
		return nil
	}
	defer func() {
		if recover() != nil { // by a MarshalJSON
			object = nil
		}
	}()
	more := maps.Clone(p.Extensions)
	for _, name := range []string{"type", "title", "status", "detail", "instance"} {
		delete(more, name)
	}
	object, err := json.Marshal(more)
	if err != nil {
		return nil
	}
	return object
}
