// Package sampling is what the commands that measure in one process share.
package sampling

import (
	"math"
	"slices"
	"syscall"
	"time"
)

// CPUTime is the CPU time that the process has had. On a busy machine it tells
// more than the clock.
func CPUTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		panic(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// Median returns the median of values, of which there has to be one.
func Median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// Margin returns by how much the median of values may be off, at a confidence of
// 95 %: half the distance between the two values that far from the middle, by rank.
func Margin(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := float64(len(values))
	off := 0.98 * math.Sqrt(n)
	low, high := int(math.Floor(n/2-off)), int(math.Ceil(n/2+off))
	return (values[min(high, len(values)-1)] - values[max(low, 0)]) / 2
}
