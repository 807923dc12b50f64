package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/store"
	"parley/app/store/storetest"
)

// Both dialects have the same tables, columns, defaults, keys, indexes and references. They differ in where they keep the words of messages:
// PostgreSQL in a column with an index of its own kind, SQLite in a table that has tables of its own.
func TestSchemasAreTheSame(t *testing.T) {
	t.Parallel()
	lite := describe(t, storetest.Open(t, storetest.SQLiteURL(t)))
	pg := describe(t, storetest.Open(t, storetest.PostgresURL(t)))
	require.NotEmpty(t, lite)
	require.Equal(t, lite, pg)
}

// describe lists everything in a schema, a line each, in words that both dialects share.
func describe(t *testing.T, s *store.Store) []string {
	t.Helper()
	lines := describeSQLite
	if s.Dialect() == store.Postgres {
		lines = describePostgres
	}
	found := lines(t, s)
	slices.Sort(found)
	return found
}

func query[T any](t *testing.T, s *store.Store, text string, args ...any) []T {
	t.Helper()
	var rows []T
	require.NoError(t, s.Read(t.Context()).Raw(text, args...).Scan(&rows).Error)
	return rows
}

// column is what both catalogues tell of one.
type column struct {
	Table, Name, Type string
	Required          bool
	Value             *string
	Key               int // place in the primary key, from 1
}

func (c column) line() string {
	value := ""
	if c.Value != nil && !strings.HasPrefix(*c.Value, "nextval(") { // numbering is the primary key's nature
		value, _, _ = strings.Cut(*c.Value, "::")
		value = strings.NewReplacer("false", "0", "true", "1").Replace(value)
	}
	// SQLite lets the columns of a primary key be null by their declaration; an integer one never is.
	return fmt.Sprintf("column %s.%s %s required=%t default=%q key=%d",
		c.Table, c.Name, class(c.Type), c.Required || c.Key > 0, value, c.Key)
}

// class is the kind of a type: SQLite has but few.
func class(typ string) string {
	switch strings.ToLower(typ) {
	case "bigint", "integer", "smallint", "boolean":
		return "integer"
	}
	return strings.ToLower(typ)
}

func describeSQLite(t *testing.T, s *store.Store) []string {
	t.Helper()
	var lines []string
	for _, c := range columnsSQLite(t, s) {
		lines = append(lines, c.line())
	}
	for _, table := range query[string](t, s, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%' AND name NOT LIKE 'search_words%'") {
		lines = append(lines, "table "+table)
		for _, i := range query[struct {
			Name            string
			Unique, Partial bool
		}](t, s, `SELECT name, "unique", partial FROM pragma_index_list(?) WHERE origin <> 'pk'`, table) {
			columns := query[string](t, s, "SELECT name FROM pragma_index_info(?) ORDER BY seqno", i.Name)
			lines = append(lines, fmt.Sprintf("index %s on %s (%s) unique=%t partial=%t", i.Name, table, strings.Join(columns, ", "), i.Unique, i.Partial))
		}
		for _, r := range query[struct{ From, Target, To, Deleted string }](t, s,
			`SELECT "from", "table" AS target, "to", on_delete AS deleted FROM pragma_foreign_key_list(?)`, table) {
			lines = append(lines, fmt.Sprintf("reference %s.%s to %s.%s on delete %s", table, r.From, r.Target, r.To, r.Deleted))
		}
	}
	return lines
}

// columnsSQLite lists the columns of all tables.
func columnsSQLite(t *testing.T, s *store.Store) []column {
	t.Helper()
	return query[column](t, s, `
		SELECT m.name AS "table", c.name, c.type, c."notnull" AS required, c.dflt_value AS value, c.pk AS key
		FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'goose_%' AND m.name NOT LIKE 'search_words%'`)
}

// columnsPostgres lists the columns of all tables.
func columnsPostgres(t *testing.T, s *store.Store) []column {
	t.Helper()
	return query[column](t, s, `
		SELECT c.table_name AS "table", c.column_name AS name, c.data_type AS type, c.is_nullable = 'NO' AS required,
			c.column_default AS value, coalesce(k.ordinal_position, 0) AS key
		FROM information_schema.columns c
		LEFT JOIN information_schema.table_constraints p
			ON p.table_schema = 'public' AND p.table_name = c.table_name AND p.constraint_type = 'PRIMARY KEY'
		LEFT JOIN information_schema.key_column_usage k
			ON k.constraint_schema = 'public' AND k.constraint_name = p.constraint_name AND k.column_name = c.column_name
		WHERE c.table_schema = 'public' AND c.table_name NOT LIKE 'goose_%'
			AND NOT (c.table_name = 'search_documents' AND c.column_name = 'words')
		ORDER BY c.table_name, c.ordinal_position`)
}

func describePostgres(t *testing.T, s *store.Store) []string {
	t.Helper()
	var lines []string
	for _, table := range query[string](t, s, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'goose_%'") {
		lines = append(lines, "table "+table)
	}
	for _, c := range columnsPostgres(t, s) {
		lines = append(lines, c.line())
	}
	for _, i := range query[struct {
		Name, Owner, Columns string
		Unique, Partial      bool
	}](t, s, `
		SELECT i.relname AS name, r.relname AS owner, x.indisunique AS unique, x.indpred IS NOT NULL AS partial,
			(SELECT string_agg(a.attname, ', ' ORDER BY k.place)
			 FROM unnest(x.indkey) WITH ORDINALITY AS k (attnum, place)
			 JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.attnum) AS columns
		FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class r ON r.oid = x.indrelid
		WHERE r.relnamespace = 'public'::regnamespace AND NOT x.indisprimary AND r.relname NOT LIKE 'goose_%' AND i.relname <> 'search_documents_words'`) {
		lines = append(lines, fmt.Sprintf("index %s on %s (%s) unique=%t partial=%t", i.Name, i.Owner, i.Columns, i.Unique, i.Partial))
	}
	for _, r := range query[struct{ Owner, From, Target, To, Deleted string }](t, s, `
		SELECT r.relname AS owner, a.attname AS "from", f.relname AS target, b.attname AS "to",
			CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END AS deleted
		FROM pg_constraint c
		JOIN pg_class r ON r.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid
		JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = c.conkey[1]
		JOIN pg_attribute b ON b.attrelid = f.oid AND b.attnum = c.confkey[1]
		WHERE c.contype = 'f' AND r.relnamespace = 'public'::regnamespace`) {
		lines = append(lines, fmt.Sprintf("reference %s.%s to %s.%s on delete %s", r.Owner, r.From, r.Target, r.To, r.Deleted))
	}
	return lines
}
