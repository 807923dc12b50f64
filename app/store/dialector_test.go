package store_test

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"parley/app/store"
	"parley/app/store/storetest"
)

// What modules do with gorm works the same on both dialects.
func TestStatements(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		require.NoError(t, s.Write(ctx, func(tx *gorm.DB) error {
			ann := newUser("ann")
			require.NoError(t, tx.Create(ann).Error)
			require.EqualValues(t, 1, ann.ID, "the id comes back")

			batch := []*user{newUser("bob"), newUser("cid"), newUser("dan")}
			require.NoError(t, tx.Create(batch).Error)
			for i, u := range batch {
				require.EqualValues(t, i+2, u.ID)
			}

			again := newUser("ann")
			again.DisplayName = "Ann"
			require.NoError(t, tx.Clauses(clause.OnConflict{
				Columns: []clause.Column{{Name: "username"}}, DoUpdates: clause.AssignmentColumns([]string{"display_name"}),
			}).Create(again).Error)
			ignored := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(newUser("bob"))
			require.NoError(t, ignored.Error)
			require.Zero(t, ignored.RowsAffected)

			var changed []user
			require.NoError(t, tx.Model(&changed).Clauses(clause.Returning{}).Where("username IN ?", []string{"bob", "cid"}).
				Update("display_name", "X").Error)
			require.Len(t, changed, 2)
			require.Equal(t, "X", changed[0].DisplayName)

			gone := tx.Where("username = ?", "dan").Delete(&user{})
			require.NoError(t, gone.Error)
			require.EqualValues(t, 1, gone.RowsAffected)
			return nil
		}))

		var found []user
		require.NoError(t, s.Read(ctx).Order("username").Offset(1).Find(&found).Error)
		require.Len(t, found, 2, "an offset without a limit")
		found = nil
		require.NoError(t, s.Read(ctx).Order("username").Limit(1).Offset(1).Find(&found).Error)
		require.Equal(t, "bob", found[0].Username)
		found = nil
		require.NoError(t, s.Read(ctx).Table("users AS u").Where(clause.Eq{Column: clause.Column{Table: "u", Name: "display_name"}, Value: "Ann"}).
			Find(&found).Error)
		require.Len(t, found, 1, "an upsert changed it")
		require.Zero(t, found[0].CreatedAt-1)
	})
}

func TestNestedTransactions(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, s *store.Store) {
		require.NoError(t, s.Write(t.Context(), func(tx *gorm.DB) error {
			require.NoError(t, insertUser("ann")(tx))
			inner := tx.Transaction(func(tx *gorm.DB) error {
				return errors.Join(insertUser("bob")(tx), errors.New("boom"))
			})
			require.Error(t, inner)
			return insertUser("cid")(tx)
		}))
		require.Equal(t, []string{"ann", "cid"}, usernames(t, s))
	})
}

func TestQuoting(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLiteURL(t))
	for name, want := range map[string]string{
		"name":           `"name"`,
		"users.name":     `"users"."name"`,
		`"users"."name"`: `"users"."name"`,
		`say "hi"`:       `"say ""hi"""`,
		`"a.b".c`:        `"a.b"."c"`,
		"":               `""`,
	} {
		require.Equal(t, want, s.Read(t.Context()).Statement.Quote(name))
	}
}

func TestMigratorIsNotThere(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLiteURL(t))
	require.Nil(t, s.Read(t.Context()).Migrator(), "the schema is goose's business")
}

// Slow statements are logged without what they say about people.
func TestLogHasNoValues(t *testing.T) {
	t.Parallel()
	lines := &recorder{}
	s := newStore(t, storetest.PostgresURL(t), store.Options{AutoMigrate: true, Log: slog.New(lines)})
	require.NoError(t, s.Start(t.Context()))
	require.NoError(t, s.Read(t.Context()).Exec("SELECT pg_sleep(1.01), ?::text", "private words").Error)
	require.Len(t, lines.warnings(), 1)
	require.Contains(t, lines.warnings()[0], "pg_sleep")
	require.NotContains(t, lines.warnings()[0], "private words")
}
