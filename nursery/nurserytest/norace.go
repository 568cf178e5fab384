//go:build !race

package nurserytest

const raceEnabled = false
