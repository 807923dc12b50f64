package seed

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"parley/app/store"
)

// tables runs the module's SQL. Lists go in as one JSON parameter, so that a
// statement takes any number of rows and both dialects read them in one way.
type tables struct {
	db      *gorm.DB
	dialect store.Dialect
}

// read is for reading outside of a transaction.
func (s *Seeder) read(ctx context.Context) tables {
	return tables{db: s.db.Read(ctx), dialect: s.db.Dialect()}
}

// write runs fn in one transaction, which may take more than one attempt.
func (s *Seeder) write(ctx context.Context, fn func(t tables) error) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error { return fn(tables{db: tx, dialect: s.db.Dialect()}) })
}

// list is the FROM item, called r, of rows that come in as the JSON parameter. Columns are written "name type".
func (t tables) list(columns ...string) string {
	if t.dialect == store.Postgres {
		return "json_to_recordset(?::json) AS r (" + strings.Join(columns, ", ") + ")"
	}
	var b strings.Builder
	b.WriteString("(SELECT ")
	for i, c := range columns {
		name, _, _ := strings.Cut(c, " ")
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "value ->> '%[1]s' AS %[1]s", name)
	}
	b.WriteString(" FROM json_each(?)) AS r")
	return b.String()
}

// locking is sql with a row lock where there are such. A transaction that writes to SQLite is alone anyway.
func (t tables) locking(sql, lock string) string {
	if t.dialect == store.Postgres {
		return sql + " " + lock
	}
	return sql
}

// rows reads every row into the slice that dest points to. Lists among the arguments become JSON.
func (t tables) rows(dest any, sql string, args ...any) error {
	args, err := encode(args)
	if err != nil {
		return err
	}
	return store.Map(t.db.Raw(sql, args...).Scan(dest).Error)
}

// exec runs a statement and says how many rows it changed. Lists among the arguments become JSON.
func (t tables) exec(sql string, args ...any) (int, error) {
	args, err := encode(args)
	if err != nil {
		return 0, err
	}
	result := t.db.Exec(sql, args...)
	return int(result.RowsAffected), store.Map(result.Error)
}

func encode(args []any) ([]any, error) {
	encoded := make([]any, len(args))
	for i, a := range args {
		switch a.(type) {
		case string, int64:
			encoded[i] = a
		default:
			data, err := json.Marshal(a)
			if err != nil {
				return nil, fmt.Errorf("encode rows: %w", err)
			}
			if string(data) == "null" { // of a nil slice
				data = []byte("[]")
			}
			encoded[i] = string(data)
		}
	}
	return encoded, nil
}

// The names in settings of the lists of ids that were made here. A person of the same
// name, or a group that a made-up person has made by hand, is not on them.
const (
	madeUsers  = "seed.users"
	madeGroups = "seed.groups"
	madeDemo   = "seed.demo" // its users
)

// lock reads one of these lists and keeps other runs from extending it until the end of the transaction.
func (t tables) lock(name string) ([]int64, error) {
	if _, err := t.exec(`INSERT INTO settings (name, value) VALUES (?, '[]') ON CONFLICT (name) DO NOTHING`, name); err != nil {
		return nil, err
	}
	return t.made(name, "FOR UPDATE")
}

// made reads one of these lists.
func (t tables) made(name, lock string) (ids []int64, err error) {
	var values []string
	if err := t.rows(&values, t.locking(`SELECT value FROM settings WHERE name = ?`, lock), name); err != nil || len(values) == 0 {
		return nil, err
	}
	if err := json.Unmarshal([]byte(values[0]), &ids); err != nil {
		return nil, fmt.Errorf("setting %s: %w", name, err)
	}
	return ids, nil
}

// keep replaces one of these lists, which must be locked.
func (t tables) keep(name string, ids []int64) error {
	_, err := t.exec(`UPDATE settings SET value = ? WHERE name = ?`, ids, name)
	return err
}

// id is an id as a row of a list.
type id struct {
	ID int64 `json:"id"`
}

func idsOf(all []int64) []id {
	rows := make([]id, len(all))
	for i, n := range all {
		rows[i] = id{n}
	}
	return rows
}

// existing says which of the ids in a list are still there.
func (t tables) existing(table string, ids []int64) (map[int64]bool, error) {
	var found []int64
	err := t.rows(&found, `SELECT x.id FROM `+t.list("id bigint")+` JOIN `+table+` x ON x.id = r.id`, idsOf(ids))
	there := make(map[int64]bool, len(found))
	for _, n := range found {
		there[n] = true
	}
	return there, err
}

// userRow is a user to be made.
type userRow struct {
	I        int    `json:"i"`
	Username string `json:"username"`
	Display  string `json:"display"`
	At       int64  `json:"at"`
}

// insertUsers makes those whose names are free and returns their ids, in the order of the rows.
func (t tables) insertUsers(hash string, rows []userRow) (ids []int64, err error) {
	err = t.rows(&ids, `
		INSERT INTO users (username, display_name, password_hash, created_at)
		SELECT r.username, r.display, ?, r.at
		FROM `+t.list("i int", "username text", "display text", "at bigint")+`
		WHERE true ORDER BY r.i
		ON CONFLICT (username) DO NOTHING RETURNING id`, hash, rows)
	slices.Sort(ids) // they are given out in the order of the rows, but need not be returned in it
	return ids, err
}

// takenNames says which of the usernames somebody has.
func (t tables) takenNames(usernames []string) (taken []string, err error) {
	rows := make([]userRow, len(usernames))
	for i, name := range usernames {
		rows[i].Username = name
	}
	err = t.rows(&taken, `
		SELECT u.username FROM `+t.list("username text")+` JOIN users u ON u.username = r.username ORDER BY u.username`, rows)
	return taken, err
}

// groupRow is a group to be made.
type groupRow struct {
	I           int    `json:"i"`
	Name        string `json:"name"`
	Description string `json:"description"`
	At          int64  `json:"at"`
}

// insertGroups returns the ids in the order of the rows.
func (t tables) insertGroups(rows []groupRow) (ids []int64, err error) {
	err = t.rows(&ids, `
		INSERT INTO groups (name, description, created_at)
		SELECT r.name, r.description, r.at
		FROM `+t.list("i int", "name text", "description text", "at bigint")+`
		ORDER BY r.i RETURNING id`, rows)
	slices.Sort(ids)
	return ids, err
}

// lockGroups keeps other changes out of groups, as every change of a group does.
func (t tables) lockGroups(ids []int64) error {
	var locked []int64
	return t.rows(&locked, t.locking(`
		SELECT id FROM groups WHERE id IN (SELECT r.id FROM `+t.list("id bigint")+`) ORDER BY id`, `FOR NO KEY UPDATE`), idsOf(ids))
}

// pair is a user in a group or in a private channel.
type pair struct {
	In   int64
	User int64
}

// members lists who is in the groups.
func (t tables) members(groups []int64) (all []pair, err error) {
	err = t.rows(&all, `
		SELECT m.group_id AS "in", m.user_id AS "user"
		FROM `+t.list("id bigint")+` JOIN group_members m ON m.group_id = r.id`, idsOf(groups))
	return all, err
}

// memberRow is a membership to be made. It begins After milliseconds from when group and user are both there.
type memberRow struct {
	Group int64  `json:"grp"`
	User  int64  `json:"usr"`
	Role  string `json:"role"`
	After int64  `json:"after"`
}

// insertMembers makes those that do not exist yet, locks their groups for it, and numbers the changes. What
// was said before is not unread for newcomers.
func (t tables) insertMembers(rows []memberRow) (int, error) {
	groups := make([]int64, len(rows))
	for i, r := range rows {
		groups[i] = r.Group
	}
	if err := t.lockGroups(groups); err != nil {
		return 0, err
	}
	list := t.list("grp bigint", "usr bigint", "role text", "after bigint")
	var made []pair
	if err := t.rows(&made, `
		INSERT INTO group_members (group_id, user_id, role, joined_at)
		SELECT g.id, u.id, r.role, r.after + CASE WHEN u.created_at > g.created_at THEN u.created_at ELSE g.created_at END
		FROM `+list+` JOIN groups g ON g.id = r.grp JOIN users u ON u.id = r.usr
		WHERE true ORDER BY g.id, u.id
		ON CONFLICT (group_id, user_id) DO NOTHING RETURNING group_id AS "in", user_id AS "user"`, rows); err != nil {
		return 0, err
	}
	if _, err := t.exec(`
		INSERT INTO channel_cursors (channel_id, user_id, read_seq, delivered_seq, since_seq)
		SELECT c.id, r.usr, c.last_seq, c.last_seq, c.last_seq
		FROM `+list+` JOIN channels c ON c.group_id = r.grp JOIN group_members m ON m.group_id = r.grp AND m.user_id = r.usr
		WHERE NOT c.private AND c.last_seq > 0
		ON CONFLICT (channel_id, user_id) DO NOTHING`, rows); err != nil {
		return 0, err
	}
	return len(made), t.raiseUsers(made)
}

// raise is by how much a version goes up.
type raise struct {
	ID int64 `json:"id"`
	By int   `json:"by"`
}

// raiseUsers numbers one more change per pair of what its user may hear. Nobody is told: these changes may be
// thousands, and whoever is connected finds a gap with the next one that is announced, and asks.
func (t tables) raiseUsers(changes []pair) error {
	return t.raiseVersions("users", "membership_version", changes, func(p pair) int64 { return p.User })
}

// raiseGroups numbers one more change per pair of what everyone in a group may hear.
func (t tables) raiseGroups(changes []pair) error {
	return t.raiseVersions("groups", "version", changes, func(p pair) int64 { return p.In })
}

func (t tables) raiseVersions(table, column string, changes []pair, of func(pair) int64) error {
	if len(changes) == 0 {
		return nil
	}
	count := make(map[int64]int)
	for _, c := range changes {
		count[of(c)]++
	}
	rows := make([]raise, 0, len(count))
	for id, n := range count {
		rows = append(rows, raise{id, n})
	}
	slices.SortFunc(rows, func(a, b raise) int { return int(a.ID - b.ID) })
	_, err := t.exec(`
		UPDATE `+table+` SET `+column+` = `+column+` + r.by
		FROM `+t.list("id bigint", "by int")+` WHERE `+table+`.id = r.id`, rows)
	return err
}
