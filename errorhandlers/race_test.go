//go:build race

package errorhandlers_test

// underRace makes the deepest trees shallower: the race detector takes ten
// times as long over them and finds nothing more.
const underRace = true
