package store

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// setting is a value that all processes of a deployment must share.
type setting struct {
	Name  string `gorm:"primaryKey"`
	Value string
}

// TableName implements gorm's Tabler.
func (setting) TableName() string { return "settings" }

// Setting keeps value under name if nothing is kept there yet, and returns what is kept: the
// first process to ask decides for all.
func (s *Store) Setting(ctx context.Context, name, value string) (kept string, err error) {
	err = s.Write(ctx, func(tx *gorm.DB) error {
		row := setting{Name: name, Value: value}
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return err
		}
		var found setting
		if err := tx.Where("name = ?", name).Take(&found).Error; err != nil {
			return err
		}
		kept = found.Value
		return nil
	})
	return kept, err
}
