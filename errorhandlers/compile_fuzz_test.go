package errorhandlers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
)

// made returns a rule for an operation and its argument, with what it is for,
// as far as another may not be for the same, and whether it is sound.
func made(op, n byte) (r rule, key string, sound bool) {
	targets := []error{errSentinel, errOther, uncomparable{1}, nil, (*soldOut)(nil), hidden{1}}
	h := say("x")
	if n >= 200 {
		h = nil
	}
	switch op % 9 {
	case 0:
		i := int(n) % len(targets)
		return errorhandlers.OnIs(targets[i], h), fmt.Sprint("is ", i), (i < 2 || i == 5) && h != nil
	case 1:
		return errorhandlers.OnStatus(int(n)*5, h), fmt.Sprint("status ", n), n >= 80 && n < 120 && h != nil
	case 2:
		return errorhandlers.OnStatusClass(int(n%8), h), fmt.Sprint("class ", n%8), (n%8 == 4 || n%8 == 5) && h != nil
	case 3:
		return errorhandlers.OnGroup(h), "group", h != nil
	case 4:
		return errorhandlers.OnAny(h), "any", h != nil
	case 5:
		return sayOn[*soldOut]("x"), "soldOut", true
	case 6:
		return to[*upstream](errOther), "upstream", true
	case 7:
		return errorhandlers.OnMatch(func(error) bool { return n%2 == 0 }, h), fmt.Sprint("match ", op, n), h != nil
	}
	return rule{}, "", false
}

// FuzzCompile has lists of rules compiled: the set is there exactly if all
// rules are sound and no two are for the same, there is a fault for each that
// is not, and a set finds an answer to everything.
func FuzzCompile(f *testing.F) { // E1
	for _, seed := range []string{"", "\x00\x00", "\x00\x00\x00\x00", "\x01\x50\x01\x50", "\x01\x28", "\x02\x04\x02\x05\x02\x0c", "\x03\x00\x04\x00\x05\x00\x06\x00\x07\x00\x08\x00", "\x00\x02\x00\x03\x00\x04", "\x04\xff\x04\xff", "\x07\x01\x07\x01"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, recipe []byte) {
		var rules []rule
		faults, seen := 0, make(map[string]bool)
		for i := 0; i+1 < len(recipe) && i < 100; i += 2 {
			r, key, sound := made(recipe[i], recipe[i+1])
			rules = append(rules, r)
			switch {
			case !sound:
				faults++
			case seen[key] && !strings.HasPrefix(key, "match"):
				faults++
			default:
				seen[key] = true
			}
		}
		set, err := errorhandlers.Compile(rules...)
		if (err != nil) != (faults > 0) || (set == nil) != (err != nil) {
			t.Fatalf("got %v, %v, want %d faults", set, err, faults)
		}
		if err != nil {
			if got := len(err.(interface{ Unwrap() []error }).Unwrap()); got < faults {
				t.Errorf("got %d faults, want at least %d: %v", got, faults, err)
			}
			return
		}
		for _, failed := range []error{errSentinel, &soldOut{}, &upstream{errOther}, status(404), multi(1, errOther, 2, errSentinel)} {
			if a, _ := (errorhandlers.Search{}).First(failed, &frame{Set: set}); a.Err == nil {
				t.Errorf("%v: got no answer", failed)
			}
		}
	})
}
