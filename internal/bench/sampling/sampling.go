// Package sampling is what the commands that measure in one process share.
package sampling

import (
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
