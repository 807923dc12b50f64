package promise

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/bus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type sendFunc func(context.Context, bus.Message) error

func (f sendFunc) Send(ctx context.Context, msg bus.Message) error { return f(ctx, msg) }

func TestWhatTheBusSaysBecomesAnAnswer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err    error
		status int
		code   string
		retry  time.Duration
	}{
		"broker away":   {bus.ErrUnavailable, 503, "unavailable", time.Second},
		"queue full":    {bus.ErrFull, 503, "overloaded", overloadPause},
		"no queue":      {bus.ErrUnroutable, 503, "unavailable", time.Second},
		"not in time":   {context.DeadlineExceeded, 503, "unavailable", time.Second},
		"anything else": {io.ErrUnexpectedEOF, 503, "unavailable", time.Second},
		"given up":      {bus.ErrDeadLettered, 500, "not_kept", 0},
	} {
		p := New(sendFunc(func(context.Context, bus.Message) error { return tc.err }), NewMetrics(nil, Message), slog.New(slog.DiscardHandler)).Send(t.Context(), bus.Message{})
		require.NotNil(t, p, name)
		require.Equal(t, tc.status, p.Status, name)
		require.Equal(t, tc.code, p.Code, name)
		require.Equal(t, tc.retry, p.RetryAfter, name)
		require.ErrorIs(t, p, tc.err, name)
	}
}

func TestAPromiseIsMadeInTime(t *testing.T) {
	t.Parallel()
	var sent bus.Message
	s := New(sendFunc(func(ctx context.Context, msg bus.Message) error {
		deadline, bounded := ctx.Deadline()
		require.True(t, bounded)
		require.WithinDuration(t, time.Now().Add(Timeout), deadline, Timeout)
		sent = msg
		return nil
	}), NewMetrics(nil, PersonalMessage), slog.New(slog.DiscardHandler))
	msg := bus.Message{Key: "group.message.1", Type: "x", Body: []byte("{}")}
	require.Nil(t, s.Send(t.Context(), msg))
	require.Equal(t, msg, sent)
}

func TestEachKindHasMetricsOfItsOwn(t *testing.T) {
	t.Parallel()
	r := prometheus.NewPedanticRegistry()
	NewMetrics(r, Message).kept(time.Now())
	NewMetrics(r, PersonalMessage).refused(ErrOverloaded)
	families, err := r.Gather()
	require.NoError(t, err)
	counts := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			counts[f.GetName()] += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	require.Equal(t, map[string]float64{
		"parley_messages_accepted_total":                  1,
		"parley_message_accept_duration_seconds":          1,
		"parley_personal_messages_accepted_total":         0,
		"parley_personal_message_accept_duration_seconds": 0,
		"parley_personal_messages_not_accepted_total":     1,
	}, counts)
}
