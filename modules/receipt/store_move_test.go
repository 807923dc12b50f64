package receipt

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

// SQLite's one writer only does what has to be written; what is read for telling is read beside it.
func TestWhatIsOnlyReadDoesNotHoldSQLitesWriter(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	w := newWorld(t, storetest.OpenCounted(t, storetest.SQLiteURL(t), store.NewMetrics(registry)), eager)
	w.say(1, 1, 3, 3)
	w.mention(1, 3, 2)
	before := sent(t, registry)
	require.Equal(t, []told{status(1, 1, 2, Read, 1, 1001), onward(2, 1, 1, 2, 1)}, w.handle(receipts(t, 1, w.read(2, 1))))
	require.Equal(t, 6, sent(t, registry)-before, "BEGIN, channels, cursors, two that write, COMMIT")
}

// What is told is as of the messages that there were when the cursors moved, whatever is kept before it is read.
func TestWhatIsToldIsAsOfTheMove(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.say(1, 1, 3, 3)
		w.mention(1, 3, 2)
		b := newBatch([]received{{Receipts: event.Receipts{ChannelID: 1, Users: []event.Receipt{w.read(2, 1)}}}})
		require.NoError(t, w.db.Write(t.Context(), func(tx *gorm.DB) error { return w.store.mover(tx, b).run() }))
		w.say(1, 4, 4)
		w.mention(1, 4, 2)
		w.mention(1, 5, 0)
		require.NoError(t, w.db.View(t.Context(), func(tx *gorm.DB) error { return w.store.mover(tx, b).learn() }))
		published, err := b.tell()
		require.NoError(t, err)
		require.Equal(t, []told{status(1, 1, 2, Read, 1, 1001), onward(2, 1, 1, 2, 1)}, unpack(t, published))
	})
}
