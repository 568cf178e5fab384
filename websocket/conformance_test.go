package websocket_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// payloads are messages of the sizes at which the length of a frame takes
// another form.
func payloads() (rows []frameRow) {
	add := func(cases string, first byte, size int) {
		text := strings.Repeat("x", size)
		rows = append(rows, frameRow{cases, fmt.Sprintf("opcode %d with %d bytes", first, size), [][]byte{frame(0x80|first, text)}, []got{{first, text}}})
	}
	for i, size := range []int{0, 125, 126, 127, 128, 65535, 65536} {
		add(fmt.Sprintf("1.1.%d", i+1), opText, size)
		add(fmt.Sprintf("1.2.%d", i+1), opBinary, size)
	}
	for _, r := range rows[len(rows)-2:] { // which all are sent in bits, too
		r.cases, r.name = strings.TrimSuffix(r.cases, "7")+"8", r.name+" once more"
		rows = append(rows, r)
	}
	text, fragments := strings.Repeat("x", 65536), [][]byte{frame(opText, strings.Repeat("x", 1300))}
	for at := 1300; at < len(text); at += 1300 {
		fragments = append(fragments, frame(opContinuation, text[at:min(at+1300, len(text))]))
	}
	fragments[len(fragments)-1][0] |= 0x80
	return append(rows, frameRow{"10.1.1", "65536 bytes in fragments of 1300", fragments, []got{echoed(text)}})
}

// greek is the word with accents that the public tests of UTF-8 begin with.
const greek = "\u03ba\u1f79\u03c3\u03bc\u03b5"

// A utf8Group is a number of payloads of text: all good or all bad, but for some.
type utf8Group struct {
	what     string
	good     bool
	payloads []string
	but      []int // counted from 1
}

// Each group of sequences from the public stress test of UTF-8 decoders
// (Markus Kuhn's) that Autobahn sends, as 6.5 to 6.23.
var utf8Groups = []utf8Group{
	{"some correct text", true, []string{"hello$world", "hello\u00a2world", "hello\u20acworld", "hello\U00024b62world", greek}, nil},
	{"prefixes", false, prefixes(greek), []int{2, 5, 7, 9, 11}},
	{"the first of each length", true, []string{"\x00", "\u0080", "\u0800", "\U00010000"}, nil},
	{"the first of five and six bytes", false, []string{"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"}, nil},
	{"the last of each length", true, []string{"\x7f", "\u07ff", "\uffff", "\U0010ffff"}, nil},
	{"the last of more", false, []string{"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"}, nil},
	{"around the surrogates and the end", true, []string{"\ud7ff", "\ue000", "\ufffd", "\U0010ffff", "\xf4\x90\x80\x80"}, []int{5}},
	{"continuation bytes alone", false, append(slices.Insert(prefixes("\x80\xbf\x80\xbf\x80\xbf"), 1, "\xbf"), span(0x80, 0xbf, "")), nil},
	{"first bytes alone", false, []string{span(0xc0, 0xdf, " "), span(0xe0, 0xef, " "), span(0xf0, 0xf7, " "), span(0xf8, 0xfb, " "), span(0xfc, 0xfd, " ")}, nil},
	{"the last byte missing", false, cutOff, nil},
	{"all of these together", false, []string{strings.Join(cutOff, "")}, nil},
	{"bytes that are none", false, []string{"\xfe", "\xff", "\xfe\xfe\xff\xff"}, nil},
	{"an overlong slash", false, []string{"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"}, nil},
	{"the largest overlong", false, []string{"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"}, nil},
	{"an overlong null", false, []string{"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"}, nil},
	{"surrogates", false, []string{"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"}, nil},
	{"surrogates in pairs", false, pairs("\xa0\x80 \xad\xbf \xae\x80 \xaf\xbf", "\xb0\x80 \xbf\xbf"), nil},
	{"noncharacters", true, noncharacters(), nil},
	{"specials", true, []string{"\ufff9", "\ufffa", "\ufffb", "\ufffc", "\ufffd", "\ufffe", "\uffff"}, nil},
}

var cutOff = []string{
	"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80",
	"\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf",
}

func prefixes(s string) (all []string) {
	for i := range len(s) {
		all = append(all, s[:i+1])
	}
	return all
}

// span is the bytes from first up to last, without it, each followed by after.
func span(first, last byte, after string) (s string) {
	for b := first; b < last; b++ {
		s += string([]byte{b}) + after
	}
	return s
}

func pairs(high, low string) (all []string) {
	for h := range strings.SplitSeq(high, " ") {
		for l := range strings.SplitSeq(low, " ") {
			all = append(all, "\xed"+h+"\xed"+l)
		}
	}
	return all
}

// noncharacters are the last two code points of each plane.
func noncharacters() (all []string) {
	for plane := range rune(17) {
		all = append(all, string(plane<<16|0xfffe), string(plane<<16|0xffff))
	}
	return all
}

func texts() (rows []frameRow) {
	for i, g := range utf8Groups {
		for j, payload := range g.payloads {
			want := closes(1007)
			if g.good != slices.Contains(g.but, j+1) {
				want = echoed(payload)
			}
			id := fmt.Sprintf("6.%d.%d", i+5, j+1)
			rows = append(rows, frameRow{id, id + ": " + g.what, [][]byte{frame(0x81, payload)}, []got{want}})
		}
	}
	return rows
}

// The cases of categories 1 to 7, 9 and 10 of Autobahn's test suite for
// websockets, the public measure of conformance: how many there are below each
// number. (8 is empty, 11 not there, and 12 and 13 are about compression.)
var autobahn = map[string]int{
	"1.1": 8, "1.2": 8, "2": 11, "3": 7, "4.1": 5, "4.2": 5, "5": 20,
	"6.1": 3, "6.2": 4, "6.3": 2, "6.4": 4, "6.5": 5, "6.6": 11, "6.7": 4, "6.8": 2, "6.9": 4, "6.10": 3, "6.11": 5,
	"6.12": 8, "6.13": 5, "6.14": 10, "6.15": 1, "6.16": 3, "6.17": 5, "6.18": 5, "6.19": 5, "6.20": 7, "6.21": 8,
	"6.22": 34, "6.23": 7,
	"7.1": 6, "7.3": 6, "7.5": 1, "7.7": 13, "7.9": 9, "7.13": 2,
	"9.1": 6, "9.2": 6, "9.3": 9, "9.4": 9, "9.5": 6, "9.6": 6, "9.7": 6, "9.8": 6,
	"10.1": 1,
}

// The suite itself cannot be run here. Each of its cases is a row of a table of
// ours, which sends the same and wants the same; 6.4 wants the answer that the
// suite calls strict, and 2.10 the pongs that the RFC leaves open.
//
// W12
func TestCasesOfAutobahn(t *testing.T) {
	covered := make(map[string]bool)
	cover := func(cases string) {
		for id := range strings.FieldsSeq(cases) {
			if covered[id] && strings.HasPrefix(id, "6.") {
				t.Errorf("%s has two rows", id)
			}
			covered[id] = true
		}
	}
	for _, r := range slices.Concat(rfc6455, payloads(), texts()) {
		cover(r.cases)
	}
	for _, tt := range closeCodes {
		cover(tt.cases)
	}
	for _, tt := range largeMessages() {
		cover(tt.cases)
	}
	for _, tt := range roundTrips() {
		cover(tt.cases)
	}
	for below, n := range autobahn {
		for i := range n {
			id := fmt.Sprintf("%s.%d", below, i+1)
			if !covered[id] {
				t.Errorf("no row has case %s", id)
			}
			delete(covered, id)
		}
	}
	if len(covered) > 0 {
		t.Errorf("rows name cases that there are not: %v", slices.Sorted(maps.Keys(covered)))
	}
}
