package receipt

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
)

func TestCursorsOnlyGoForwards(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		from  cursor
		claim claim
		last  int64
		to    cursor
		spans []span
	}{
		"nothing":                      {cursor{3, 2}, claim{}, 9, cursor{3, 2}, nil},
		"delivered":                    {cursor{3, 2}, claim{delivered: 5}, 9, cursor{5, 2}, []span{{Delivered, 3, 5}}},
		"read is delivered":            {cursor{3, 2}, claim{delivered: 5, read: 5}, 9, cursor{5, 5}, []span{{Read, 2, 5}}},
		"read what was delivered":      {cursor{7, 2}, claim{delivered: 5, read: 5}, 9, cursor{7, 5}, []span{{Read, 2, 5}}},
		"read, and more delivered":     {cursor{3, 2}, claim{delivered: 8, read: 5}, 9, cursor{8, 5}, []span{{Delivered, 5, 8}, {Read, 2, 5}}},
		"back":                         {cursor{7, 5}, claim{delivered: 3, read: 3}, 9, cursor{7, 5}, nil},
		"beyond the latest message":    {cursor{3, 2}, claim{delivered: 99, read: 99}, 9, cursor{9, 9}, []span{{Read, 2, 9}}},
		"delivered beyond the latest":  {cursor{3, 2}, claim{delivered: 99}, 9, cursor{9, 2}, []span{{Delivered, 3, 9}}},
		"an empty channel":             {cursor{}, claim{delivered: 4, read: 4}, 0, cursor{}, nil},
		"read without being delivered": {cursor{0, 5}, claim{read: 4}, 9, cursor{5, 5}, nil},
	} {
		to := tc.from.advance(tc.claim, tc.last)
		require.Equal(t, tc.to, to, name)
		require.Equal(t, tc.spans, tc.from.passed(to), name)
	}
}

func TestClaimsOfOneUserAreJoined(t *testing.T) {
	t.Parallel()
	early, late := time.UnixMilli(1), time.UnixMilli(2)
	a, b := claim{delivered: 5, read: 1, at: late}, claim{delivered: 4, read: 4, at: early}
	want := claim{delivered: 5, read: 4, at: late}
	require.Equal(t, want, a.join(b))
	require.Equal(t, want, b.join(a))
}

// The cursor knows a status before the row does; since when, the row knows, or the range that waits.
func TestStatusOfARecipient(t *testing.T) {
	t.Parallel()
	const seq, sent = 5, 100
	for name, tc := range map[string]struct {
		standing standing
		status   Status
		at       int64
	}{
		"no row, no cursor":               {standing{}, Sent, sent},
		"a row":                           {standing{rowAt: 101}, Sent, 101},
		"a row that was read":             {standing{row: Read, rowAt: 103, readSeq: 5, deliveredSeq: 5}, Read, 103},
		"delivered, the row waits":        {standing{rowAt: 101, deliveredSeq: 7, deliveredAt: 102}, Delivered, 102},
		"read, the row waits":             {standing{row: Delivered, rowAt: 102, deliveredSeq: 7, readSeq: 5, readAt: 103}, Read, 103},
		"no row, read, the range waits":   {standing{deliveredSeq: 7, readSeq: 5, readAt: 103}, Read, 103},
		"the cursor is before it":         {standing{rowAt: 101, deliveredSeq: 4, readSeq: 4}, Sent, 101},
		"a cursor that nobody has noted":  {standing{readSeq: 5, deliveredSeq: 5}, Read, sent},
		"the row is ahead of the cursor":  {standing{row: Read, rowAt: 103}, Read, 103},
		"delivered, then read but waits":  {standing{row: Delivered, rowAt: 102, deliveredSeq: 5, readSeq: 5, deliveredAt: 102, readAt: 104}, Read, 104},
		"both wait, and only one is true": {standing{deliveredSeq: 5, readSeq: 4, deliveredAt: 102}, Delivered, 102},
	} {
		got := tc.standing.recipient(7, seq, sent)
		require.Equal(t, Recipient{UserID: 7, Status: tc.status, At: event.FromMillis(tc.at)}, got, name)
	}
	data, err := json.Marshal(Recipient{UserID: 7, Status: Read, At: event.FromMillis(0)})
	require.NoError(t, err)
	require.JSONEq(t, `{"userId": 7, "status": "READ", "at": "1970-01-01T00:00:00.000Z"}`, string(data))
}
