package main

import (
	"fmt"
	"time"
)

// rows are those of the table, in its order.
func rows() []row {
	direct := error(new(soldOut))
	wrapped := fmt.Errorf("order 7: %w", fmt.Errorf("stock: %w", direct))
	const many = 10_000
	return []row{
		{"match an error, 20 types registered", byRules(direct, 20), byHand(direct, 20), "errors.As by hand", 40, false},
		{"– wrapped twice", byRules(wrapped, 20), byHand(wrapped, 20), "errors.As by hand", 90, false},
		{"– wrapped twice, 1 000 types registered", byRules(wrapped, 1000), byRules(wrapped, 10), "10 types", 1.2, true},
		{"clean stop after the last request", ourStop, theirStop, "http.Server.Shutdown", ms(10), false},
		{"10 000 background tasks told to stop, joined after the last", manyStop(many), nil, "–", ms(50), false},
		{"list 10 000 live tasks", listTree(many), listGoroutines(many), "goroutine profile", ms(5), false},
	}
}

func ms(n int) float64 { return float64(time.Duration(n) * time.Millisecond) }
