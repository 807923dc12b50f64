package store_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/store"
	"parley/app/store/storetest"
)

// large are the tables that grow with every message. An upgrade must not write them anew.
var large = []string{"messages", "message_recipients"}

// grow puts many rows into the large tables, in parts: one transaction may not take as long as all of them do on a busy machine.
func grow(t *testing.T, s *store.Store) {
	t.Helper()
	const parts, rows = 10, 2000
	for part := range parts {
		first := 10001 + part*rows
		require.NoError(t, s.Write(t.Context(), func(tx *gorm.DB) error {
			if err := tx.Exec(`WITH RECURSIVE n(i) AS (SELECT CAST(? AS integer) UNION ALL SELECT i + 1 FROM n WHERE i < CAST(? AS integer))
				INSERT INTO messages (id, channel_id, seq, sender_id, hash, content, created_at)
				SELECT i, 100 + i % 100, i, 1 + i % 3, 'h' || i, 'A message of a usual length, which is number ' || i, 1760000000000 + i FROM n`,
				first, first+rows-1).Error; err != nil {
				return err
			}
			return tx.Exec(`INSERT INTO message_recipients (message_id, receiver_id, status, updated_at)
				SELECT m.id, u.id, 0, 1 FROM messages m JOIN users u ON u.id BETWEEN 8 AND 12 WHERE m.id >= ?`, first).Error
		}))
	}
}

// TestUpgradeWritesNoLargeTableAnew: on PostgreSQL, the large tables stay in their files and each row where it is, as it is.
func TestUpgradeWritesNoLargeTableAnew(t *testing.T) {
	t.Parallel()
	s := fromReleased(t, storetest.PostgresURL(t))
	look := func() (found []string) {
		for _, name := range large {
			found = append(found, query[string](t, s, fmt.Sprintf(
				`SELECT 'file ' || pg_relation_filenode('%[1]s') || ', ' || count(*) || ' rows '
					|| md5(string_agg(ctid || ' ' || xmin || ' ' || xmax, ',' ORDER BY ctid)) FROM %[1]s`, name))...)
			found = append(found, query[string](t, s, fmt.Sprintf(
				`SELECT indexrelid::regclass || ' in file ' || pg_relation_filenode(indexrelid) FROM pg_index
				WHERE indrelid = '%s'::regclass AND indexrelid::regclass::text = ANY (?) ORDER BY 1`, name), released)...)
		}
		return found
	}
	before := look()
	require.Len(t, before, 6, "%s", before)
	_, err := s.Migrate(t.Context(), store.Up)
	require.NoError(t, err)
	require.Equal(t, before, look())
}

// released are the indexes of the large tables at the last release.
const released = "{messages_pkey,messages_channel_seq,messages_sender_hash,message_recipients_pkey}"

// TestUpgradeWritesFewPages: on SQLite, an upgrade adds to the file and leaves what is in it alone, save for the descriptions of the tables.
func TestUpgradeWritesFewPages(t *testing.T) {
	t.Parallel()
	url := storetest.SQLiteURL(t)
	s := fromReleased(t, url)
	read := func() []byte {
		require.NoError(t, s.Write(t.Context(), func(*gorm.DB) error { return nil }))
		require.NoError(t, s.Stop(t.Context())) // which takes the log into the file
		data, err := os.ReadFile(strings.TrimPrefix(url, "sqlite://"))
		require.NoError(t, err)
		return data
	}
	before := read()
	_, err := s.Migrate(t.Context(), store.Up)
	require.NoError(t, err)
	after := read()

	const page = 4096
	var changed int
	for at := 0; at < len(before); at += page {
		if !bytes.Equal(before[at:at+page], after[at:at+page]) {
			changed++
		}
	}
	t.Logf("%d of %d pages changed, %d added", changed, len(before)/page, (len(after)-len(before))/page)
	require.Greater(t, len(before)/page, 500)
	require.Less(t, changed, 40)
}

// fromReleased opens a large database of the last release.
func fromReleased(t *testing.T, url string) *store.Store {
	t.Helper()
	storetest.Old(t, url, storetest.Released)
	s := newStore(t, url, store.Options{MaxConns: 2})
	require.NoError(t, s.Open(t.Context()))
	grow(t, s)
	return s
}

// TestUpgradeIndexesLargeTablesWithNotice: making an index of a large table reads all of it, while nothing can be sent. Operators are told.
func TestUpgradeIndexesLargeTablesWithNotice(t *testing.T) {
	t.Parallel()
	told, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	_, notice, found := strings.Cut(string(told), "\n## Upgrading\n")
	require.True(t, found)
	notice, _, _ = strings.Cut(notice, "\n## ")
	s := storetest.Open(t, storetest.PostgresURL(t))
	for _, name := range large {
		for _, index := range query[string](t, s, "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = ?::regclass", name) {
			if !strings.Contains(released, index) {
				require.Contains(t, notice, "`"+index+"`", "an index of %s that docs/operations.md does not announce under Upgrading", name)
			}
		}
	}
}
