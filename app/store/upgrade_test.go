package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/store"
	"parley/app/store/storetest"
)

// migrated are the values that a migration gives to rows that are there, other than the column's default: "table.column" and why.
var migrated = map[string]string{
	"channel_cursors.since_seq":   "nobody could tell yet how far they had read, so cursors are still where they began",
	"refresh_tokens.signed_in_at": "of those who are signed in, the oldest token that is left tells it",
}

// inEachVersion runs a test on both dialects, with a database as each earlier version has left it.
func inEachVersion(t *testing.T, fn func(t *testing.T, s *store.Store, version int64)) {
	t.Helper()
	onEmpty(t, func(t *testing.T, url string) {
		all, err := newStore(t, url, store.Options{}).MigrationStatus(t.Context())
		require.NoError(t, err)
		fresh := onEmptyLike(t, url)
		for _, m := range all[:len(all)-1] {
			t.Run(strings.TrimSuffix(m.Name, ".sql"), func(t *testing.T) {
				t.Parallel()
				url := fresh(t)
				storetest.Old(t, url, m.Version)
				fn(t, newStore(t, url, store.Options{MaxConns: 2}), m.Version)
			})
		}
	})
}

// onEmptyLike makes databases of the kind of another one.
func onEmptyLike(t *testing.T, url string) func(testing.TB) string {
	t.Helper()
	if strings.HasPrefix(url, "sqlite:") {
		return storetest.SQLiteURL
	}
	return storetest.PostgresURL
}

// TestUpgradeKeepsEverything: whatever version a database is from, everything in it is still there afterwards, what is new has its default,
// and going back and forth changes nothing.
func TestUpgradeKeepsEverything(t *testing.T) {
	t.Parallel()
	inEachVersion(t, func(t *testing.T, s *store.Store, version int64) {
		ctx := t.Context()
		_, err := s.MigrationStatus(ctx) // opens it
		require.NoError(t, err)
		schema, before := describe(t, s), contents(t, s)
		requireFilled(t, s, version)

		_, err = s.Migrate(ctx, store.Up)
		require.NoError(t, err)
		requireKept(t, s, before)
		after := contents(t, s)

		for latest(t, s) > version {
			_, err := s.Migrate(ctx, store.Down)
			require.NoError(t, err)
		}
		require.Equal(t, schema, describe(t, s))
		require.Equal(t, before, contents(t, s), "taken back")

		_, err = s.Migrate(ctx, store.Up)
		require.NoError(t, err)
		require.Equal(t, after, contents(t, s), "and forth again")
	})
}

// latest is the version that the schema has.
func latest(t *testing.T, s *store.Store) (version int64) {
	t.Helper()
	all, err := s.MigrationStatus(t.Context())
	require.NoError(t, err)
	for _, m := range all {
		if !m.AppliedAt.IsZero() {
			version = m.Version
		}
	}
	return version
}

// table is everything in one: for each row, and each column by name, its value.
type table []map[string]string

// contents reads all tables.
func contents(t *testing.T, s *store.Store) map[string]table {
	t.Helper()
	all := make(map[string]table)
	for name, columns := range columnsOf(t, s) {
		all[name] = rowsOf(t, s, name, columns)
	}
	return all
}

// columnsOf lists the columns of all tables.
func columnsOf(t *testing.T, s *store.Store) map[string][]column {
	t.Helper()
	list := columnsSQLite
	if s.Dialect() == store.Postgres {
		list = columnsPostgres
	}
	all := make(map[string][]column)
	for _, c := range list(t, s) {
		all[c.Table] = append(all[c.Table], c)
	}
	return all
}

// rowsOf reads the given columns of a table, in the order of their values.
func rowsOf(t *testing.T, s *store.Store, name string, columns []column) table {
	t.Helper()
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = `"` + c.Name + `"`
	}
	list := strings.Join(names, ", ")
	rows, err := s.Read(t.Context()).Raw(fmt.Sprintf("SELECT %s FROM %q ORDER BY %s", list, name, list)).Rows()
	require.NoError(t, err)
	defer rows.Close()
	all := table{}
	for rows.Next() {
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		require.NoError(t, rows.Scan(targets...))
		row := make(map[string]string, len(columns))
		for i, c := range columns {
			row[c.Name] = fmt.Sprintf("%v", values[i])
		}
		all = append(all, row)
	}
	require.NoError(t, rows.Err())
	return all
}

// requireFilled: nothing is proved by an empty table.
func requireFilled(t *testing.T, s *store.Store, version int64) {
	t.Helper()
	for name, rows := range contents(t, s) {
		if version <= storetest.Released {
			require.NotEmpty(t, rows, "%s: put something into it, in storetest/old", name)
		}
	}
}

// requireKept: the tables that were there have what they had, and in columns that are new, what these begin with.
func requireKept(t *testing.T, s *store.Store, before map[string]table) {
	t.Helper()
	now := columnsOf(t, s)
	for name, rows := range before {
		require.NotEmpty(t, now[name], "the table %s is gone", name)
		if len(rows) == 0 {
			continue
		}
		var kept, added []column
		for _, c := range now[name] {
			if _, old := rows[0][c.Name]; old {
				kept = append(kept, c)
			} else {
				added = append(added, c)
			}
		}
		require.Len(t, kept, len(rows[0]), "columns of %s are gone", name)
		require.Equal(t, rows, rowsOf(t, s, name, kept), name)
		for _, c := range added {
			requireDefault(t, s, c)
		}
	}
}

func requireDefault(t *testing.T, s *store.Store, c column) {
	t.Helper()
	if migrated[c.Table+"."+c.Name] != "" {
		return
	}
	value := "NULL"
	if c.Value != nil {
		value = *c.Value
	}
	others := query[int](t, s, fmt.Sprintf(`SELECT count(*) FROM %q WHERE %q IS DISTINCT FROM (%s)`, c.Table, c.Name, value))
	require.Equal(t, []int{0}, others, "rows of %s whose %s is not %s", c.Table, c.Name, value)
}
