package errorhandlers

import (
	"strconv"
	"strings"
)

// prefersText reports whether the Accept header gives text/plain a higher
// quality than problem details. Of several ranges that fit a type the most
// specific counts (RFC 9110, section 12.5.1). Without the header JSON is fine.
func prefersText(accept []string) bool {
	var text, problem preference
	for _, line := range accept {
		for item := range strings.SplitSeq(line, ",") {
			mediaRange, parameters, _ := strings.Cut(item, ";")
			quality := qualityOf(parameters)
			switch strings.ToLower(strings.TrimSpace(mediaRange)) {
			case "*/*":
				text.note(1, quality)
				problem.note(1, quality)
			case "text/*":
				text.note(2, quality)
			case "application/*":
				problem.note(2, quality)
			case "application/json":
				problem.note(3, quality)
			case "text/plain":
				text.note(4, quality)
			case "application/problem+json":
				problem.note(4, quality)
			}
		}
	}
	return text.quality > problem.quality
}

// preference is the quality of a media type, from the most specific range so
// far.
type preference struct {
	specific int
	quality  float64
}

func (p *preference) note(specific int, quality float64) {
	if specific >= p.specific {
		*p = preference{specific, quality}
	}
}

// qualityOf returns the weight among the parameters: 1 if there is none, 0 if
// it makes no sense.
func qualityOf(parameters string) float64 {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		quality, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(0 <= quality && quality <= 1) {
			return 0
		}
		return quality
	}
	return 1
}
