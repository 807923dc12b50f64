package search

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"parley/app/store"
	"parley/app/store/storetest"
)

// What is new is found first; what was there before the index was made up for, the latest first.
func TestOldMessagesFollow(t *testing.T) {
	t.Parallel()
	inEachWorld(t, func(t *testing.T, w *world) {
		const old = 2*maxBatch + 10
		w.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
			INSERT INTO messages (channel_id, seq, sender_id, hash, content, created_at) SELECT 1, i, 2, 'h' || i, 'old needle', i FROM n`, old)
		w.exec(`UPDATE channels SET last_seq = ? WHERE id = 1`, old)
		w.exec(`INSERT INTO search_positions (direct, place_id, newest, oldest) SELECT false, id, last_seq, last_seq FROM channels WHERE last_seq > 0`)
		fresh := w.say(2, 1, "new needle")

		step := func() Progress {
			p, err := w.index.Step(t.Context())
			require.NoError(t, err)
			p.Busy = 0
			return p
		}
		require.Equal(t, Progress{Indexed: 1, Older: old}, step())
		require.Equal(t, []int64{fresh}, w.finds(1, "needle"))
		require.Equal(t, Progress{Indexed: maxBatch, Older: old - maxBatch}, step())
		require.Len(t, w.found(Request{Query: Parse("needle"), Viewer: 1, Limit: 100}), 1+maxBatch)
		lowest := w.number(`SELECT min(s.seq) FROM messages s JOIN search_documents d ON d.message_id = s.id`)
		require.EqualValues(t, old-maxBatch+1, lowest)
		newer := w.say(2, 1, "newer needle")
		require.Equal(t, Progress{Indexed: 1, Older: old - maxBatch}, step())
		require.Equal(t, newer, w.finds(1, "needle")[0])
		require.Equal(t, Progress{Indexed: maxBatch, Older: 10}, step())
		require.Equal(t, Progress{Indexed: 10}, step())
		require.Equal(t, Progress{}, step())
		require.Len(t, w.found(Request{Query: Parse("needle"), Viewer: 1, Limit: 100}), 2+old)

		// As docs/operations.md says it is emptied.
		for _, sql := range emptied(w.db.Dialect()) {
			w.exec(sql)
		}
		require.Empty(t, w.finds(1, "needle"))
		w.settle()
		require.Len(t, w.found(Request{Query: Parse("needle"), Viewer: 1, Limit: 100}), 2+old)
	})
}

// emptied are the statements that docs/operations.md has for making the index anew.
func emptied(d store.Dialect) []string {
	if d == store.SQLite {
		return []string{`INSERT INTO search_words (search_words) VALUES ('delete-all')`, `DELETE FROM search_documents`, `UPDATE search_positions SET oldest = newest`}
	}
	return []string{`TRUNCATE search_documents`, `UPDATE search_positions SET oldest = newest`}
}

// Each of many places gets its share of a maxBatch.
func TestShare(t *testing.T) {
	t.Parallel()
	places := []place{
		{PlaceID: 1, LastSeq: 1000, Newest: 100, Oldest: 50},
		{PlaceID: 2, LastSeq: 12, Newest: 10},
		{PlaceID: 3, LastSeq: 500, Oldest: 0},
		{PlaceID: 4, LastSeq: 7, Newest: 7, Oldest: 7},
	}
	require.Equal(t, []part{
		{Place: 1, Low: 101, High: 125, Newest: 125, Oldest: 50},
		{Place: 2, Low: 11, High: 12, Newest: 12},
		{Place: 3, Low: 1, High: 36, Newest: 36},
	}, share(places, 100, true), "a quarter, all, half of what is left")
	require.Equal(t, []part{
		{Place: 1, Low: 1, High: 50, Newest: 1000, old: true},
		{Place: 4, Low: 5, High: 7, Newest: 7, Oldest: 4, old: true},
	}, share([]place{{PlaceID: 1, LastSeq: 1000, Newest: 1000, Oldest: 50}, places[3]}, 53, true))
	require.Empty(t, share(places[3:], 100, false), "there is other work")
	require.Empty(t, share(places, 0, true))
}

// What is edited is found by what it says now, before it is indexed again, and what is deleted never.
func TestEditsAndDeletes(t *testing.T) {
	t.Parallel()
	inEachWorld(t, func(t *testing.T, w *world) {
		edit := func(id int64, content string) {
			w.exec(`UPDATE messages SET content = ?, edited_at = 1 WHERE id = ?`, content, id)
		}
		remove := func(id int64) { w.exec(`UPDATE messages SET content = '', deleted_at = 1 WHERE id = ?`, id) }
		early, late, gone, both := w.say(2, 1, "one apple"), w.say(2, 1, "two apples"), w.say(2, 1, "three apples"), w.say(2, 1, "four apples")
		edit(early, "one pear")
		remove(both)
		w.settle()
		require.Equal(t, []int64{gone, late}, w.finds(1, "apples"))
		require.Equal(t, []int64{early}, w.finds(1, "pear"))

		edit(late, "two plums")
		edit(late, "two cherries")
		edit(early, "one pear and one apple")
		remove(gone)
		require.Empty(t, w.finds(1, "apples"))
		require.Empty(t, w.finds(1, "plums"))
		require.Equal(t, []int64{early}, w.finds(1, "pear"))
		require.Equal(t, 3, w.settle(), "early, late, though it was changed twice, and gone")
		require.Equal(t, []int64{early}, w.finds(1, "apple"))
		require.Equal(t, []int64{late}, w.finds(1, "cherries"))
		require.EqualValues(t, 2, w.number(`SELECT count(*) FROM search_documents`))
		require.Zero(t, w.number(`SELECT count(*) FROM search_changes`))

		w.exec(`UPDATE messages SET changed_seq = 1`)
		require.Zero(t, w.number(`SELECT count(*) FROM search_changes`), "other changes are of no interest")
	})
}

// A channel that is deleted while its messages are on their way into the index leaves nothing behind.
func TestDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	inEachWorld(t, func(t *testing.T, w *world) {
		w.say(2, 1, "in general")
		changed := w.say(2, 2, "in secret")
		w.settle()
		w.say(2, 2, "more in secret")
		kept := w.say(2, 1, "more in general")
		w.exec(`UPDATE messages SET content = 'changed' WHERE id = ?`, changed)

		work, err := w.index.waiting(w.db.Read(t.Context()))
		require.NoError(t, err)
		require.NoError(t, w.index.take(w.db.Read(t.Context()), &work))
		require.Len(t, work.documents, 3)
		w.exec(`DELETE FROM messages WHERE channel_id = 2`)
		w.exec(`DELETE FROM channels WHERE id = 2`)
		require.NoError(t, w.db.Write(t.Context(), func(tx *gorm.DB) error { return w.index.apply(tx, &work) }))
		require.Equal(t, []int64{kept}, w.finds(1, "more"))
		require.EqualValues(t, 2, w.number(`SELECT count(*) FROM search_documents`))
		require.Zero(t, w.settle())
	})
}

// Sending does not wait for the index, nor the index for those who send.
func TestIndexWaitsForNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, storetest.PostgresURL(t)))
	first := w.say(2, 1, "needle")
	require.NoError(t, w.db.Write(t.Context(), func(tx *gorm.DB) error {
		require.NoError(t, tx.Exec(`SELECT last_seq FROM channels WHERE id = 1 FOR NO KEY UPDATE`).Error) // as one who numbers messages
		require.Equal(t, 1, w.settle())
		return nil
	}))
	require.Equal(t, []int64{first}, w.finds(1, "needle"))
	require.NoError(t, w.db.Write(t.Context(), func(tx *gorm.DB) error {
		ours, err := w.index.lock(tx)
		require.NoError(t, err)
		require.True(t, ours)
		w.say(2, 1, "another needle")
		p, err := w.index.Step(t.Context())
		require.NoError(t, err)
		require.Zero(t, p.Indexed, "another process is at it")
		return nil
	}))
	require.Equal(t, 1, w.settle())
}

// Whatever happens in whatever order, in the end each message is found by what it says and by nothing else.
func TestIndexFollows(t *testing.T) {
	t.Parallel()
	inEachWorld(t, func(t *testing.T, w *world) {
		words := []string{"red", "green", "blue", "white"}
		says := make(map[int64]string)
		rapid.Check(t, func(t *rapid.T) {
			for range rapid.IntRange(1, 12).Draw(t, "steps") {
				word := rapid.SampledFrom(words).Draw(t, "word")
				ids := make([]int64, 0, len(says))
				for id := range says {
					ids = append(ids, id)
				}
				slices.Sort(ids)
				switch rapid.IntRange(0, 6).Draw(t, "what") {
				case 0, 1:
					says[w.say(2, rapid.Int64Range(1, 2).Draw(t, "channel"), word)] = word
				case 2:
					says[-w.whisper(2, 1, word)] = word
				case 3, 4:
					if len(ids) == 0 || ids[len(ids)-1] < 0 {
						continue
					}
					id := rapid.SampledFrom(ids).Filter(func(id int64) bool { return id > 0 }).Draw(t, "id")
					if rapid.Bool().Draw(t, "delete") {
						w.exec(`UPDATE messages SET content = '', deleted_at = 1 WHERE id = ?`, id)
						delete(says, id)
					} else {
						w.exec(`UPDATE messages SET content = ? WHERE id = ?`, word, id)
						says[id] = word
					}
				case 5:
					_, err := w.index.Step(w.t.Context())
					require.NoError(t, err)
				case 6: // and the process dies
					work, err := w.index.waiting(w.db.Read(w.t.Context()))
					require.NoError(t, err)
					require.NoError(t, w.index.take(w.db.Read(w.t.Context()), &work))
					require.Error(t, w.db.Write(w.t.Context(), func(tx *gorm.DB) error {
						require.NoError(t, w.index.apply(tx, &work))
						return context.Canceled
					}))
				}
			}
			w.settle()
			for _, word := range words {
				want := []int64{}
				for id, said := range says {
					if said == word {
						want = append(want, id)
					}
				}
				require.ElementsMatch(t, want, w.found(Request{Query: Parse(word), Viewer: 1, Limit: 100}), word)
			}
			require.EqualValues(t, len(says), w.number(`SELECT count(*) FROM search_documents`))
		})
	})
}

// Several processes index, and send, at the same time.
func TestManyIndexers(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.PostgresURL(t))
	w := newWorld(t, db)
	const each = 40
	ctx, stop := context.WithCancel(context.Background())
	var indexers, senders sync.WaitGroup
	failures := make(chan error, 1)
	for range 3 {
		indexers.Go(func() {
			s := NewStore(db)
			for ctx.Err() == nil {
				if _, err := s.Step(context.Background()); err != nil {
					select {
					case failures <- err:
					default:
					}
					return
				}
			}
		})
	}
	for range 3 {
		senders.Go(func() {
			w := &world{t: t, db: db, now: w.now}
			for i := range each {
				id := w.say(2, 1+int64(i%2), "needle")
				if i%4 == 0 {
					w.exec(`UPDATE messages SET content = 'changed needle' WHERE id = ?`, id)
				}
			}
		})
	}
	senders.Wait()
	stop()
	indexers.Wait()
	select {
	case err := <-failures:
		require.NoError(t, err)
	default:
	}
	w.settle()
	require.Len(t, w.found(Request{Query: Parse("needle"), Viewer: 1, Limit: 100}), 3*each)
	require.Len(t, w.found(Request{Query: Parse("changed"), Viewer: 1, Limit: 100}), 3*each/4)
	require.EqualValues(t, 3*each, w.number(`SELECT count(*) FROM search_documents`), "each once")
}
