package message

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var (
			all   turns
			order []int
		)
		leave, err := all.take(t.Context(), 1)
		require.NoError(t, err)
		for i := range 5 {
			go func() {
				leave, err := all.take(t.Context(), 1)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, i)
				leave()
			}()
			synctest.Wait()
		}
		require.Empty(t, order, "one at a time")

		impatient, cancel := context.WithCancel(t.Context())
		var gaveUp atomic.Bool
		go func() {
			_, err := all.take(impatient, 1)
			gaveUp.Store(err != nil)
		}()
		synctest.Wait()
		cancel()
		synctest.Wait()
		require.True(t, gaveUp.Load())

		other, err := all.take(t.Context(), 2)
		require.NoError(t, err, "channels do not wait for each other")
		other()
		leave()
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4}, order, "in the order in which they came")
		require.Empty(t, all.channels, "nothing is kept of channels where nobody waits")
	})
}
