// Package sensors makes up what the example of a dashboard shows. It knows
// nothing of creche.
package sensors

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// Read returns a function that hands a reading of each of five sensors to set,
// and stops at the first error of that.
func Read(set func(name string, value int) error) func(ctx context.Context) error {
	const sensors = 5
	return func(context.Context) error {
		for i := range sensors {
			if err := set(fmt.Sprintf("sensor %d", i+1), rand.IntN(100)); err != nil {
				return err
			}
		}
		return nil
	}
}
