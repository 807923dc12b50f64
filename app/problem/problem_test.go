package problem

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRefinedProblemsMatchTheirOriginal(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	refined := NotFound.WithDetail("no such thing").WithCause(cause).WithFields(Field{"id", "unknown"}).WithRetryAfter(time.Second)
	require.ErrorIs(t, fmt.Errorf("wrapped: %w", refined), NotFound)
	require.NotErrorIs(t, refined, Forbidden)
	require.ErrorIs(t, refined, cause)
	require.Equal(t, "not_found: There is nothing at this address.: no such thing: cause", refined.Error())
	require.Equal(t, New(404, "not_found", "There is nothing at this address."), NotFound, "the original is as it was")
}

func TestExplain(t *testing.T) {
	t.Parallel()
	require.Equal(t, "You may not do this.", Forbidden.Explain())
	require.Equal(t, "only owners may", Forbidden.WithDetail("only owners may").Explain())
}

func TestFrom(t *testing.T) {
	t.Parallel()
	require.Same(t, Forbidden, From(fmt.Errorf("wrapped: %w", Forbidden)))
	cause := errors.New("cause")
	hidden := From(cause)
	require.ErrorIs(t, hidden, Internal)
	require.ErrorIs(t, hidden, cause)
	require.NotContains(t, hidden.Explain(), "cause", "logged, never shown")
}
