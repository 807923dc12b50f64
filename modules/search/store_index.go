package search

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"parley/app/store"
)

// indexLock is the PostgreSQL advisory lock that one indexer at a time holds: "parleyse" in ASCII.
const indexLock int64 = 0x7061726c65797365

const (
	// maxBatch is how many messages go into the index in one transaction.
	maxBatch = 500
	// How many times as long as a step the pause after it is. Sending comes first: on SQLite both need the one writer, on PostgreSQL the same
	// processors and disks.
	postgresRest = 3
	sqliteRest   = 19
	// maxPlaces is how many channels and chats are looked at in one.
	maxPlaces = 200
)

// Progress is what one step of indexing has come to.
type Progress struct {
	Indexed int   // messages that were looked at, and went into the index or out of it
	Waiting int64 // messages sent since that are not in it yet
	Older   int64 // messages from before the index was there, or was emptied, that are not in it yet
	// Busy is how long it took, without the time in which others had the database.
	Busy time.Duration
}

// Step takes the messages into the index that wait for it, at most a batch of them: first those that were changed, then new ones, and old
// ones when there are no others. Nothing indexed means that nothing waits, or that another process is at it.
//
// What waits is found by where channels and chats are and how far they have got into the index, which is kept together with the words: so
// nothing is left out, whatever order messages are committed in and whenever a process dies.
func (s *Store) Step(ctx context.Context) (Progress, error) {
	begun := time.Now()
	w, err := s.waiting(s.db.Read(ctx))
	if err != nil || w.nothing() {
		return w.progress(time.Since(begun)), store.Map(err)
	}
	if s.db.Dialect() == store.Postgres {
		err := s.db.Write(ctx, func(tx *gorm.DB) error { return s.batch(tx, &w) })
		return w.progress(time.Since(begun)), err
	}
	// One process has the database, and the one writer is needed for nothing but writing.
	if err := s.take(s.db.Read(ctx), &w); err != nil {
		return Progress{}, store.Map(err)
	}
	busy := time.Since(begun)
	err = s.db.Write(ctx, func(tx *gorm.DB) error {
		begun := time.Now()
		defer func() { busy += time.Since(begun) }()
		return s.apply(tx, &w)
	})
	return w.progress(busy), err
}

// batch indexes a batch, unless another process is at it.
func (s *Store) batch(tx *gorm.DB, w *work) error {
	ours, err := s.lock(tx)
	if err != nil || !ours {
		*w = work{places: w.places}
		return err
	}
	if *w, err = s.waiting(tx); err != nil { // others have been at it until now
		return err
	}
	if err := s.take(tx, w); err != nil {
		return err
	}
	return s.apply(tx, w)
}

// lock keeps other processes from indexing until the end of the transaction. False: one of them is at it.
func (s *Store) lock(tx *gorm.DB) (ours bool, err error) {
	err = tx.Raw(`SELECT pg_try_advisory_xact_lock(?) AND set_config('enable_seqscan', 'off', true) || set_config('jit', 'off', true) <> ''`,
		indexLock).Scan(&ours).Error
	return ours, err
}

// work is what one step does.
type work struct {
	places    []place
	changes   []change
	parts     []part
	documents []document
}

// place is a channel or a personal chat of which something is not in the index, and how far it is.
type place struct {
	Direct                           bool
	PlaceID, LastSeq, Newest, Oldest int64
	Waiting, Older                   int64 // of all places together
}

// change is a message that was edited or deleted.
type change struct{ ID, MessageID int64 }

// part is a range of a place's messages, by seq, and how far the place is in the index with them.
type part struct {
	Direct bool  `json:"direct"`
	Place  int64 `json:"place"`
	Low    int64 `json:"low"`
	High   int64 `json:"high"`
	Newest int64 `json:"newest"`
	Oldest int64 `json:"oldest"`
	old    bool
}

// document is a message with its words, as the statements take it.
type document struct {
	ID      int64  `json:"id"`
	Message int64  `json:"message"`
	Direct  bool   `json:"direct"`
	Words   string `json:"words"`
	place   int64
}

func (w *work) nothing() bool { return len(w.places) == 0 && len(w.changes) == 0 }

func (w *work) progress(busy time.Duration) Progress {
	p := Progress{Indexed: len(idsOf(w.changes)), Busy: busy}
	if len(w.places) > 0 {
		p.Waiting, p.Older = w.places[0].Waiting, w.places[0].Older
	}
	for _, r := range w.parts {
		n := r.High - r.Low + 1
		p.Indexed += int(n)
		if r.old {
			p.Older -= n
		} else {
			p.Waiting -= n
		}
	}
	return p
}

// Rest implements Index.
func (s *Store) Rest() int {
	if s.db.Dialect() == store.SQLite {
		return sqliteRest
	}
	return postgresRest
}

// waiting finds what is to be done, and how much of it makes a batch. It looks at every channel and chat, but at no message.
func (s *Store) waiting(db *gorm.DB) (w work, err error) {
	if err := db.Raw(`SELECT id, message_id FROM search_changes ORDER BY id LIMIT ?`, maxBatch).Scan(&w.changes).Error; err != nil {
		return w, fmt.Errorf("read which messages were changed: %w", err)
	}
	if err := db.Raw(`
		SELECT direct, place_id, last_seq, newest, oldest, CAST(sum(last_seq - newest) OVER () AS bigint) AS waiting, CAST(sum(oldest) OVER () AS bigint) AS older
		FROM (
			SELECT false AS direct, c.id AS place_id, c.last_seq, COALESCE(p.newest, 0) AS newest, COALESCE(p.oldest, 0) AS oldest
			FROM channels c LEFT JOIN search_positions p ON p.direct = false AND p.place_id = c.id
			WHERE c.last_seq > COALESCE(p.newest, 0) OR p.oldest > 0
			UNION ALL
			SELECT true, c.id, c.last_seq, COALESCE(p.newest, 0), COALESCE(p.oldest, 0)
			FROM direct_chats c LEFT JOIN search_positions p ON p.direct = true AND p.place_id = c.id
			WHERE c.last_seq > COALESCE(p.newest, 0) OR p.oldest > 0
		) AS behind
		ORDER BY last_seq - newest DESC, place_id LIMIT ?`, maxPlaces).Scan(&w.places).Error; err != nil {
		return w, fmt.Errorf("read how far the index is: %w", err)
	}
	w.parts = share(w.places, maxBatch-len(w.changes), len(w.changes) == 0)
	return w, nil
}

// share makes parts of what a batch takes of each place: of new messages first, each place getting its share before any gets more. If there
// are none, and nothing else to do, of old ones.
func share(places []place, quota int, old bool) (parts []part) {
	left := int64(quota)
	for i, p := range places {
		n := min(p.LastSeq-p.Newest, max(left/int64(len(places)-i), 1), left)
		if n > 0 {
			parts = append(parts, part{p.Direct, p.PlaceID, p.Newest + 1, p.Newest + n, p.Newest + n, p.Oldest, false})
			left -= n
		}
	}
	if len(parts) > 0 || !old {
		return parts
	}
	for _, p := range places {
		if n := min(p.Oldest, left); n > 0 {
			parts = append(parts, part{p.Direct, p.PlaceID, p.Oldest - n + 1, p.Oldest, p.Newest, p.Oldest - n, true})
			left -= n
		}
	}
	return parts
}

// kept is a message of any kind with what the index needs to know of it.
type kept struct {
	ID, PlaceID, SenderID, CreatedAt int64
	Content                          string
	GroupID                          int64 // of a channel
	Private                          bool
	LowID, HighID                    int64 // the two of a chat
}

// take reads the messages and takes them apart into words.
func (s *Store) take(db *gorm.DB, w *work) error {
	w.documents = nil
	channels, chats := split2(w.parts)
	const columns = `s.id, s.sender_id, s.content, s.created_at`
	const columnsOfChannel = ` AS place_id, c.group_id, c.private`
	for _, source := range []struct {
		rows   any
		n      int
		direct bool
		sql    string
	}{
		{channels, len(channels), false, `SELECT ` + columns + `, r.place` + columnsOfChannel + ` FROM ` + s.list("place bigint", "low bigint", "high bigint") +
			s.each("messages", "s.channel_id = r.place AND s.seq BETWEEN r.low AND r.high AND s.deleted_at IS NULL", "s.seq") +
			` JOIN channels c ON c.id = r.place`},
		{chats, len(chats), true, `SELECT ` + columns + `, r.place AS place_id, c.low_id, c.high_id FROM ` + s.list("place bigint", "low bigint", "high bigint") +
			s.each("direct_messages", "s.chat_id = r.place AND s.seq BETWEEN r.low AND r.high", "s.seq") +
			` JOIN direct_chats c ON c.id = r.place`},
		{idsOf(w.changes), len(w.changes), false, `SELECT ` + columns + `, s.channel_id` + columnsOfChannel + ` FROM ` + s.list("id bigint") +
			s.each("messages", "s.id = r.id AND s.deleted_at IS NULL", "s.id") +
			` JOIN channels c ON c.id = s.channel_id`},
	} {
		if source.n == 0 {
			continue
		}
		data, err := store.JSON(source.rows)
		if err != nil {
			return err
		}
		var rows []kept
		if err := db.Raw(source.sql, data).Scan(&rows).Error; err != nil {
			return fmt.Errorf("read messages for the index: %w", err)
		}
		for _, m := range rows {
			w.documents = append(w.documents, m.document(source.direct))
		}
	}
	return nil
}

// split2 tells channels and chats apart.
func split2(parts []part) (channels, chats []part) {
	for _, p := range parts {
		if p.Direct {
			chats = append(chats, p)
		} else {
			channels = append(channels, p)
		}
	}
	return channels, chats
}

type idJSON struct {
	ID int64 `json:"id"`
}

// idsOf lists messages that were changed, each once.
func idsOf(changes []change) []idJSON {
	ids, seen := make([]idJSON, 0, len(changes)), make(map[int64]bool, len(changes))
	for _, c := range changes {
		if !seen[c.MessageID] {
			seen[c.MessageID] = true
			ids = append(ids, idJSON{c.MessageID})
		}
	}
	return ids
}

// document takes a message apart.
func (m kept) document(direct bool) document {
	words := split(m.Content)
	list := make([]string, 0, len(words)+3)
	list = append(list, senderTag(m.SenderID))
	switch {
	case direct:
		list = append(list, chatTag(m.LowID, m.HighID), personTag(m.LowID))
		if m.HighID != m.LowID {
			list = append(list, personTag(m.HighID))
		}
	case m.Private:
		list = append(list, channelTag(m.PlaceID))
	default:
		list = append(list, channelTag(m.PlaceID), groupTag(m.GroupID))
	}
	seen := make(map[string]bool, len(words))
	for _, w := range words {
		if !seen[w.text] {
			seen[w.text] = true
			list = append(list, w.text)
		}
	}
	return document{
		ID: documentID(m.CreatedAt, m.ID, direct), Message: m.ID, Direct: direct, Words: strings.Join(list, " "), place: m.PlaceID,
	}
}

// apply writes what was taken. Channels that are being deleted wait, or are left out because they are gone; sending to the others goes on.
func (s *Store) apply(tx *gorm.DB, w *work) error {
	if err := s.leaveOutDeleted(tx, w); err != nil {
		return fmt.Errorf("look for deleted channels: %w", err)
	}
	if err := s.remove(tx, w); err != nil {
		return fmt.Errorf("take messages out of the index: %w", err)
	}
	if err := s.insert(tx, w.documents); err != nil {
		return fmt.Errorf("put messages into the index: %w", err)
	}
	if len(w.parts) > 0 {
		if err := s.exec(tx, `
			INSERT INTO search_positions (direct, place_id, newest, oldest)
			SELECT r.direct, r.place, r.newest, r.oldest FROM `+s.list("direct boolean", "place bigint", "newest bigint", "oldest bigint")+` WHERE true
			ON CONFLICT (direct, place_id) DO UPDATE SET newest = excluded.newest, oldest = excluded.oldest`, w.parts); err != nil {
			return fmt.Errorf("write how far the index is: %w", err)
		}
	}
	if len(w.changes) > 0 {
		done := make([]idJSON, 0, len(w.changes))
		for _, c := range w.changes {
			done = append(done, idJSON{c.ID})
		}
		if err := s.exec(tx, `DELETE FROM search_changes WHERE id IN (SELECT r.id FROM `+s.list("id bigint")+`)`, done); err != nil {
			return fmt.Errorf("forget changes: %w", err)
		}
	}
	return nil
}

// leaveOutDeleted drops what belongs to channels that are not there any more, and keeps the others from being deleted meanwhile.
func (s *Store) leaveOutDeleted(tx *gorm.DB, w *work) error {
	wanted := make(map[int64]bool)
	for _, p := range w.parts {
		if !p.Direct {
			wanted[p.Place] = true
		}
	}
	for _, d := range w.documents {
		if !d.Direct {
			wanted[d.place] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	ids := make([]int64, 0, len(wanted))
	for id := range wanted {
		ids = append(ids, id)
	}
	sql := `SELECT id FROM channels WHERE id IN ? ORDER BY id`
	if s.db.Dialect() == store.Postgres {
		sql += ` FOR KEY SHARE` // which a worker that numbers messages does not mind
	}
	var there []int64
	if err := tx.Raw(sql, ids).Scan(&there).Error; err != nil {
		return err
	}
	if len(there) == len(wanted) {
		return nil
	}
	exists := make(map[int64]bool, len(there))
	for _, id := range there {
		exists[id] = true
	}
	var parts []part
	for _, p := range w.parts {
		if p.Direct || exists[p.Place] {
			parts = append(parts, p)
		}
	}
	var documents []document
	for _, d := range w.documents {
		if d.Direct || exists[d.place] {
			documents = append(documents, d)
		}
	}
	w.parts, w.documents = parts, documents
	return nil
}

type keyJSON struct {
	Message int64 `json:"message"`
	Direct  bool  `json:"direct"`
}

// remove takes out what is about to be put in anew, and what was changed.
func (s *Store) remove(tx *gorm.DB, w *work) error {
	keys := make([]keyJSON, 0, len(w.documents)+len(w.changes))
	for _, d := range w.documents {
		keys = append(keys, keyJSON{d.Message, d.Direct})
	}
	for _, c := range idsOf(w.changes) {
		keys = append(keys, keyJSON{c.ID, false})
	}
	if len(keys) == 0 {
		return nil
	}
	these := `SELECT s.id FROM ` + s.list("message bigint", "direct boolean") +
		s.each("search_documents", "s.message_id = r.message AND s.direct = r.direct", "s.id")
	if s.db.Dialect() == store.SQLite {
		if err := s.exec(tx, `DELETE FROM search_words WHERE rowid IN (`+these+`)`, keys); err != nil {
			return err
		}
	}
	return s.exec(tx, `DELETE FROM search_documents WHERE id IN (`+these+`)`, keys)
}

// insert puts documents in. One whose id another one has takes the next one that is free.
func (s *Store) insert(tx *gorm.DB, documents []document) error {
	columns, values, types := `id, message_id, direct`, `r.id, r.message, r.direct`, []string{"id bigint", "message bigint", "direct boolean", "words text"}
	if s.db.Dialect() == store.Postgres {
		columns, values = columns+`, words`, values+`, array_to_tsvector(string_to_array(r.words, ' '))`
	}
	sql := `INSERT INTO search_documents (` + columns + `) SELECT ` + values + ` FROM ` + s.list(types...) +
		` WHERE true ON CONFLICT (id) DO NOTHING RETURNING message_id AS message, direct`
	all := unique(documents)
	for rest := all; len(rest) > 0; {
		data, err := store.JSON(rest)
		if err != nil {
			return err
		}
		var keys []keyJSON
		if err := tx.Raw(sql, data).Scan(&keys).Error; err != nil {
			return err
		}
		in := make(map[keyJSON]bool, len(keys))
		for _, k := range keys {
			in[k] = true
		}
		again := rest[:0:0]
		for _, d := range rest {
			if !in[d.key()] {
				d.ID++
				again = append(again, d)
			}
		}
		rest = again
	}
	if s.db.Dialect() == store.Postgres || len(all) == 0 {
		return nil
	}
	return s.exec(tx, `INSERT INTO search_words (rowid, words) SELECT r.id, r.words FROM `+s.list("id bigint", "words text"), all)
}

// unique leaves out what comes for a second time: a message that is both new and changed.
func unique(documents []document) []*document {
	list, seen := make([]*document, 0, len(documents)), make(map[keyJSON]bool, len(documents))
	for i := range documents {
		if d := &documents[i]; !seen[d.key()] {
			seen[d.key()] = true
			list = append(list, d)
		}
	}
	return list
}

func (d *document) key() keyJSON { return keyJSON{d.Message, d.Direct} }

// list is the FROM item, called r, of rows that come in as the JSON parameter. Columns are written "name type".
func (s *Store) list(columns ...string) string {
	if s.db.Dialect() == store.Postgres {
		return "json_to_recordset(?::json) AS r (" + strings.Join(columns, ", ") + ")"
	}
	values := make([]string, 0, len(columns))
	for _, c := range columns {
		name, _, _ := strings.Cut(c, " ")
		values = append(values, fmt.Sprintf("value ->> '%[1]s' AS %[1]s", name))
	}
	return "(SELECT " + strings.Join(values, ", ") + " FROM json_each(?)) AS r"
}

// each joins the rows s of a table to each row of a list, by an index, however small PostgreSQL takes the table for.
func (s *Store) each(table, on, order string) string {
	if s.db.Dialect() == store.Postgres {
		return " CROSS JOIN LATERAL (SELECT * FROM " + table + " s WHERE " + on + " ORDER BY " + order + ") AS s"
	}
	return " JOIN " + table + " s ON " + on
}

// exec runs a statement on a list.
func (s *Store) exec(tx *gorm.DB, sql string, list any) error {
	data, err := store.JSON(list)
	if err != nil {
		return err
	}
	return tx.Exec(sql, data).Error
}
