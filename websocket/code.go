package websocket

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Code is the number that says why a websocket was closed (RFC 6455, section
// 7.4). Applications choose their own from 4000 to 4999; from 3000 to 3999
// they are registered with IANA.
type Code int

// The codes that the protocol defines.
const (
	NormalClosure      Code = 1000
	GoingAway          Code = 1001 // the server stops, or the page was left
	ProtocolError      Code = 1002
	UnsupportedData    Code = 1003 // binary where text is wanted, say
	NoStatus           Code = 1005 // never sent: the close frame had no code
	Abnormal           Code = 1006 // never sent: there was no close frame
	InvalidPayload     Code = 1007 // text that is not UTF-8, JSON that is none
	PolicyViolation    Code = 1008
	MessageTooBig      Code = 1009
	MandatoryExtension Code = 1010
	InternalError      Code = 1011
	ServiceRestart     Code = 1012
	TryAgainLater      Code = 1013
	BadGateway         Code = 1014
	TLSHandshake       Code = 1015 // never sent
)

var codeNames = map[Code]string{
	NormalClosure:      "normal closure",
	GoingAway:          "going away",
	ProtocolError:      "protocol error",
	UnsupportedData:    "unsupported data",
	NoStatus:           "no status",
	Abnormal:           "abnormal closure",
	InvalidPayload:     "invalid payload",
	PolicyViolation:    "policy violation",
	MessageTooBig:      "message too big",
	MandatoryExtension: "mandatory extension",
	InternalError:      "internal error",
	ServiceRestart:     "service restart",
	TryAgainLater:      "try again later",
	BadGateway:         "bad gateway",
	TLSHandshake:       "TLS handshake",
}

// String returns the number and, if the protocol has one, the name.
func (c Code) String() string {
	s := strconv.Itoa(int(c))
	if name := codeNames[c]; name != "" {
		s += " " + name
	}
	return s
}

// sendable returns c if it may be sent in a close frame, else InternalError.
func (c Code) sendable() Code {
	switch {
	case c == 1004, c == NoStatus, c == Abnormal: // reserved, or never sent
		return InternalError
	case NormalClosure <= c && c <= BadGateway, 3000 <= c && c <= 4999:
		return c
	}
	return InternalError
}

// maxReason is what a close frame has room for beside its code.
const maxReason = 123

// sendable returns reason as it may be sent: valid UTF-8, and cut between two
// runes if it is too long.
func sendable(reason string) string {
	reason = strings.ToValidUTF8(reason, "\uFFFD")
	if len(reason) <= maxReason {
		return reason
	}
	end := maxReason
	for !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end]
}
