package rabbit

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScansBindings(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"3.10.8": true, "3.9": true, "2.99.1": true, "3.11.0": false, "3.13.7": false, "4.0.1": false, "3.10.0+beta.1": true, "4.0.0-rc.1": false,
		"": false, "4": false, "x.10": false, "3.x": false,
	} {
		require.Equal(t, want, scansBindings(version), version)
	}
}

// Operators hear once, at the start, of a broker that will be slow with many users; not after each lost connection.
func TestAnOldBrokerIsMentioned(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b, err := New(Options{URL: testURL(t), Prefix: "test", Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	b.mention("3.13.7")
	require.Empty(t, log.String())
	b.mention("3.10.8")
	b.mention("3.10.8")
	require.Equal(t, 1, strings.Count(log.String(), "RabbitMQ 3.11"), log.String())
}
