package sampling_test

import (
	"testing"

	"github.com/creche-go/creche/internal/bench/sampling"
)

func TestMarginIsByRank(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i * i % 101) // in no order
	}
	for _, tt := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 0},
		{[]float64{3, 1, 2}, 1},
		{[]float64{7, 7, 7, 7, 7}, 0},
		{hundred, 14}, // half of 65 - 37, the 61st and the 41st of them
	} {
		if got := sampling.Margin(tt.values); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.values, got, tt.want)
		}
	}
}
