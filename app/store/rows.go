package store

import (
	"encoding/json"
	"fmt"

	"gorm.io/gorm"
)

// Scanner reads the columns of a row into variables.
type Scanner func(columns ...any) error

// Each runs a query and hands its rows to use, one after the other; use must not run another statement of the transaction. An
// error of use ends it and is returned as it is, errors of the database are not mapped yet.
func Each(tx *gorm.DB, query string, args []any, use func(Scanner) error) error {
	rows, err := tx.Raw(query, args...).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := use(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// JSON encodes a list as the one argument that statements take it apart from, with json_each or json_to_recordset: so
// their text is the same for any number of entries.
func JSON(list any) (string, error) {
	data, err := json.Marshal(list)
	if err != nil {
		return "", fmt.Errorf("encode a list for a statement: %w", err)
	}
	return string(data), nil
}
