package websocket

import (
	"slices"
	"strings"
)

// compression is the extension of RFC 7692.
const compression = "permessage-deflate"

// agreement is what the server makes of it: each message is compressed by
// itself, in both directions, so that nothing is kept between two, and what is
// sent to many is compressed once. The server may ask for both, whether or not
// they were offered (section 7.1.1).
const agreement = compression + "; server_no_context_takeover; client_no_context_takeover"

// agree returns the answer to the values of Sec-WebSocket-Extensions: the first
// offer that can be taken, or "". What is no offer is passed over, for a client
// that cannot be understood can still be served without compression.
func agree(offers []string) string {
	for _, value := range offers {
		for more := true; more; {
			var offer string
			offer, value, more = cutOffer(value)
			if answer := agreeOn(offer); answer != "" {
				return answer
			}
		}
	}
	return ""
}

// cutOffer returns the first offer of a list, and what follows it. What is in
// quotes has to be a token (RFC 6455, section 9.1) and have no comma; but should
// it have one, what follows that was not offered.
func cutOffer(list string) (offer, rest string, more bool) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch b := list[i]; {
		case b == '"':
			quoted = !quoted
		case b == '\\' && quoted:
			i++ // it is about the next one
		case b == ',' && !quoted:
			return list[:i], list[i+1:], true
		}
	}
	return list, "", false
}

// agreeOn returns the answer to an offer, or "" if it is declined (RFC 7692,
// section 7.1). A semicolon in quotes needs no care: half of what is in them is no
// parameter that can be taken.
func agreeOn(offer string) string {
	name, rest, more := strings.Cut(offer, ";")
	if strings.Trim(name, " \t") != compression {
		return ""
	}
	answer := agreement
	var seen []string
	for more {
		var parameter string
		parameter, rest, more = strings.Cut(rest, ";")
		name, value, hasValue := strings.Cut(parameter, "=")
		name, value = strings.Trim(name, " \t"), unquote(strings.Trim(value, " \t"))
		if slices.Contains(seen, name) || !takes(name, value, hasValue) {
			return ""
		}
		if seen = append(seen, name); name == serverBits {
			answer += "; " + serverBits + "=" + value // it has to be repeated
		}
	}
	return answer
}

const (
	serverBits = "server_max_window_bits"
	clientBits = "client_max_window_bits"
)

// takes reports whether an offer with this parameter can be taken. Package flate
// always looks back over 15 bits, so a server with fewer cannot be had; a client
// may have as few as it likes.
func takes(name, value string, hasValue bool) bool {
	switch name {
	case "server_no_context_takeover", "client_no_context_takeover":
		return !hasValue
	case serverBits:
		return hasValue && value == "15"
	case clientBits:
		return !hasValue || slices.Contains([]string{"8", "9", "10", "11", "12", "13", "14", "15"}, value)
	}
	return false
}

// unquote returns what is in quotes, if value is.
func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}
