// Package migrations holds the database schema, one folder a dialect, as goose
// migrations. The two dialects describe the same schema; a test of the store compares them.
package migrations

import "embed"

// Postgres holds postgres/*.sql.
//
//go:embed postgres/*.sql
var Postgres embed.FS

// SQLite holds sqlite/*.sql.
//
//go:embed sqlite/*.sql
var SQLite embed.FS
