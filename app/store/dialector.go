package store

import (
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
)

// sqliteDialector teaches gorm the SQL of SQLite 3.35 and later. The schema is goose's business: it migrates nothing.
type sqliteDialector struct{ pool gorm.ConnPool }

// Name implements gorm.Dialector.
func (d sqliteDialector) Name() string { return string(SQLite) }

// Initialize implements gorm.Dialector.
func (d sqliteDialector) Initialize(db *gorm.DB) error {
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{
		CreateClauses: []string{"INSERT", "VALUES", "ON CONFLICT", "RETURNING"},
		UpdateClauses: []string{"UPDATE", "SET", "FROM", "WHERE", "RETURNING"},
		DeleteClauses: []string{"DELETE", "FROM", "WHERE", "RETURNING"},
	})
	db.ConnPool = d.pool
	// There are no row locks to ask for: a transaction that writes is alone.
	db.ClauseBuilders["FOR"] = func(clause.Clause, clause.Builder) {}
	db.ClauseBuilders["LIMIT"] = buildLimit
	return nil
}

// buildLimit writes LIMIT -1 with an offset alone, which SQLite does not take.
func buildLimit(c clause.Clause, b clause.Builder) {
	limit, ok := c.Expression.(clause.Limit)
	if ok && limit.Limit == nil && limit.Offset > 0 {
		_, _ = b.WriteString("LIMIT -1 ")
	}
	c.Build(b)
}

// Migrator implements gorm.Dialector: there is none.
func (d sqliteDialector) Migrator(*gorm.DB) gorm.Migrator { return nil }

// DataTypeOf implements gorm.Dialector. Only migrations would need it.
func (d sqliteDialector) DataTypeOf(field *schema.Field) string { return string(field.DataType) }

// DefaultValueOf implements gorm.Dialector. SQLite has no DEFAULT within VALUES; NULL makes
// it number a row, and other defaults are the field's own.
func (d sqliteDialector) DefaultValueOf(field *schema.Field) clause.Expression {
	if field.AutoIncrement || !field.HasDefaultValue || field.DefaultValueInterface == nil {
		return clause.Expr{SQL: "NULL"}
	}
	return clause.Expr{SQL: "?", Vars: []any{field.DefaultValueInterface}}
}

// BindVarTo implements gorm.Dialector.
func (d sqliteDialector) BindVarTo(w clause.Writer, _ *gorm.Statement, _ any) { _ = w.WriteByte('?') }

// QuoteTo implements gorm.Dialector: table.column becomes "table"."column"; a part that is quoted already stays.
func (d sqliteDialector) QuoteTo(w clause.Writer, name string) {
	for i, part := range splitName(name) {
		if i > 0 {
			_ = w.WriteByte('.')
		}
		if len(part) >= 2 && part[0] == '"' && part[len(part)-1] == '"' {
			_, _ = w.WriteString(part)
			continue
		}
		_, _ = w.WriteString(`"` + strings.ReplaceAll(part, `"`, `""`) + `"`)
	}
}

// splitName cuts a name at the dots outside of quotes.
func splitName(name string) []string {
	var parts []string
	start, quoted := 0, false
	for i := range len(name) {
		switch {
		case name[i] == '"':
			quoted = !quoted
		case name[i] == '.' && !quoted:
			parts = append(parts, name[start:i])
			start = i + 1
		}
	}
	return append(parts, name[start:])
}

// Explain implements gorm.Dialector.
func (d sqliteDialector) Explain(sql string, vars ...any) string {
	return logger.ExplainSQL(sql, nil, `'`, vars...)
}

// SavePoint implements gorm.SavePointerDialectorInterface.
func (d sqliteDialector) SavePoint(tx *gorm.DB, name string) error {
	return tx.Exec("SAVEPOINT " + name).Error
}

// RollbackTo implements gorm.SavePointerDialectorInterface.
func (d sqliteDialector) RollbackTo(tx *gorm.DB, name string) error {
	return tx.Exec("ROLLBACK TO SAVEPOINT " + name).Error
}
