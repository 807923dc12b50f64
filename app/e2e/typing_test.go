package e2e

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
)

// TestTyping: the others in the channel see it, on whatever server they are; oneself and those outside do not.
func TestTyping(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		people := c.people(t, "person", 3)
		ann, ben, eve := people[0], people[1], people[2]
		g := ann.group("friends", ben)
		general := g.Channels[0]
		writer, stranger := ann.watcher(0), eve.watcher(0)
		reader := ben.device(1, general)

		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for i, typing := range []bool{true, false} {
			ack, err := writer.conn.EmitAck(ctx, event.Typing, map[string]any{"channelId": general.ID, "typing": typing})
			require.NoError(t, err)
			require.NoError(t, undocumented("TYPING_ACK", ack))
			require.JSONEq(t, `{"ok": true}`, string(ack))
			reader.await(func() bool { return summary(reader.events)[event.Typing] == i+1 }, event.Typing)
		}
		ack, err := stranger.conn.EmitAck(ctx, event.Typing, map[string]any{"channelId": general.ID, "typing": true})
		require.NoError(t, err)
		require.NoError(t, undocumented("TYPING_ACK", ack))
		require.Contains(t, string(ack), "channel_not_found")

		// What the message is preceded by has arrived with it.
		ben.send(general, "hello", "Hello!")
		e, err := writer.conn.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, event.MessageReceive, e.Name, "not told of oneself")
	})
}
