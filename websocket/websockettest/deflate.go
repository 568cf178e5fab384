package websockettest

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// compressed is the bit of a frame's first byte that marks a compressed message
// (RFC 7692, section 6).
const compressed = 0x40

const (
	extension = "permessage-deflate"
	noServers = "server_no_context_takeover"
	noClients = "client_no_context_takeover"
)

// offer asks for messages that are compressed each by itself, so that neither
// side keeps a window.
const offer = extension + "; " + noServers + "; " + noClients

// agreed reports whether the server has accepted the offer, or returns what is
// wrong with its answer (RFC 7692, section 7.1).
func agreed(header http.Header, offered bool) (bool, error) {
	answer := strings.Join(header.Values("Sec-WebSocket-Extensions"), ", ")
	if answer == "" {
		return false, nil
	}
	name, parameters, _ := strings.Cut(answer, ";")
	good, alone := offered && strings.TrimSpace(name) == extension, false
	for parameter := range strings.SplitSeq(parameters, ";") {
		switch strings.TrimSpace(parameter) {
		case noServers:
			alone = true
		case noClients:
		default:
			good = false
		}
	}
	if !good || !alone {
		return false, &ProtocolError{fmt.Sprintf("extensions %q, which were not offered", answer)}
	}
	return true, nil
}

// tail is what the sender of a compressed message takes away from its end (RFC
// 7692, section 7.2.1).
const tail = "\x00\x00\xff\xff"

// deflate returns payload as it leaves.
func deflate(payload []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.DefaultCompression) // the level is a valid one
	_, _ = w.Write(payload)                               // into memory, which does not fail
	_ = w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte(tail))
}

// inflate returns what a server has compressed.
func inflate(payload []byte) ([]byte, error) {
	const last = "\x01\x00\x00\xff\xff" // an empty block, for the reader to see the end
	r := flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader(tail+last)))
	b, err := io.ReadAll(io.LimitReader(r, largest+1))
	if err != nil || len(b) > largest {
		return nil, &ProtocolError{fmt.Sprintf("a compressed message of %d bytes that cannot be undone: %v", len(payload), err)}
	}
	return b, nil
}
