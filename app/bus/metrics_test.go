package bus

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReasonsOfFailures(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"full":          ErrFull,
		"unavailable":   ErrUnavailable,
		"unroutable":    ErrUnroutable,
		"dead_lettered": ErrDeadLettered,
		"not_in_time":   context.DeadlineExceeded,
		"invalid":       errors.New("a key that is too long"),
	} {
		require.Equal(t, want, reason(fmt.Errorf("wrapped: %w", err)))
	}
	require.ErrorIs(t, ErrFull, ErrUnavailable)
}
