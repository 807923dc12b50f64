package search

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
)

const (
	// budget is how long a search may take, and slowest how long one of its statements. One that has found something by then answers with
	// that.
	budget  = 3 * time.Second
	slowest = 1500 * time.Millisecond
	// maxExamined is how many messages a search reads in order to see whether they say what was looked for.
	maxExamined = 2000
)

// Store is the index.
type Store struct {
	db *store.Store
	// slots bound how many searches use the database at once, so that it has connections left for everything else.
	slots chan struct{}
	// budget and slowest are the constants; tests have more time.
	budget, slowest time.Duration
}

// NewStore returns a Store on db.
func NewStore(db *store.Store) *Store {
	n := 4
	if db.Dialect() == store.SQLite {
		n = 2
	}
	return &Store{db: db, slots: make(chan struct{}, n), budget: budget, slowest: slowest}
}

// Search finds a page of what the viewer may see now. It fails with ErrGroupNotFound, ErrChannelNotFound, ErrBusy or ErrTooSlow. A page may
// have fewer hits than were asked for although there is a next one: when looking further would take too long.
func (s *Store) Search(ctx context.Context, r Request) (Page, error) {
	if r.Query.Empty() {
		return Page{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.budget)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return Page{}, ErrBusy.WithCause(ctx.Err())
	}
	w := &walk{request: r, dialect: s.db.Dialect(), begun: time.Now(), slowest: s.slowest}
	w.low, w.high = r.bounds()
	err := s.db.View(ctx, func(tx *gorm.DB) error {
		w.tx = tx
		return w.run()
	})
	if err != nil && !w.slow {
		return Page{}, err
	}
	if w.slow && !w.moved {
		return Page{}, ErrTooSlow.WithCause(err)
	}
	return w.page(), nil
}

// walk looks through the index from the latest documents to the earliest ones.
type walk struct {
	tx      *gorm.DB
	request Request
	dialect store.Dialect
	begun   time.Time
	slowest time.Duration

	low, high int64 // what is still to be looked through
	expr      string
	width     int64 // of the part of the index that is looked through next, on PostgreSQL; 0: at the beginning
	examined  int
	hits      []Hit
	moved     bool // something has been looked through
	slow      bool // and looking further would have taken too long
}

func (w *walk) run() error {
	if w.dialect == store.Postgres {
		// Plans are made for the words at hand, and a statement that takes too long ends by itself.
		if err := w.tx.Exec(`SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true),
			set_config('enable_seqscan', 'off', true), set_config('statement_timeout', ?, true)`,
			strconv.FormatInt(w.slowest.Milliseconds(), 10)).Error; err != nil {
			return err
		}
	}
	oneOf, all, err := w.scope()
	if err != nil {
		return err
	}
	if len(oneOf) == 0 && len(all) == 0 {
		w.high = w.low
		return nil
	}
	w.expr = expression(w.dialect, w.request.Query, oneOf, all)
	for n := w.request.Limit + 1; len(w.hits) <= w.request.Limit && w.low < w.high && w.examined < maxExamined; n = min(2*n, 500) {
		if time.Since(w.begun) > w.slowest {
			w.slow = true
			return nil
		}
		if err := w.step(n); err != nil {
			w.slow = w.slow || time.Since(w.begun) > w.slowest && errors.Is(store.Map(err), store.ErrUnavailable)
			return err
		}
	}
	return nil
}

// step looks at the next n documents that the index proposes, or at fewer.
func (w *walk) step(n int) error {
	ids, edge, err := w.propose(n)
	if err != nil {
		return fmt.Errorf("look into the search index: %w", err)
	}
	found, err := w.read(ids)
	if err != nil {
		return fmt.Errorf("read what the search index proposes: %w", err)
	}
	for _, f := range found {
		if len(w.request.Query.match(f.Content)) > 0 {
			w.hits = append(w.hits, Hit{MessageID: f.MessageID, Direct: f.Direct, document: f.ID})
		}
	}
	w.high, w.moved = edge, true
	w.examined += len(ids)
	return nil
}

// page is what was found.
func (w *walk) page() Page {
	p := Page{Hits: w.hits}
	switch {
	case len(p.Hits) > w.request.Limit:
		p.Hits = p.Hits[:w.request.Limit]
		p.Next = p.Hits[w.request.Limit-1].document
	case w.low < w.high:
		p.Next = w.high
	}
	return p
}

// What the index has of a message besides its words: no text has words of this form.
func groupTag(id int64) string   { return "g=" + strconv.FormatInt(id, 10) } // of its public channels
func channelTag(id int64) string { return "c=" + strconv.FormatInt(id, 10) }
func senderTag(id int64) string  { return "u=" + strconv.FormatInt(id, 10) }
func personTag(id int64) string  { return "p=" + strconv.FormatInt(id, 10) } // of each of the two in a personal chat
func chatTag(a, b int64) string {
	return "d=" + strconv.FormatInt(min(a, b), 10) + "=" + strconv.FormatInt(max(a, b), 10)
}

// scope says which tags a document needs: one of these, if there are any, and all of those. None at all: there is nothing that the viewer may see.
func (w *walk) scope() (oneOf, all []string, err error) {
	r := w.request
	if r.From > 0 {
		all = append(all, senderTag(r.From))
	}
	if r.With > 0 {
		return nil, append(all, chatTag(r.Viewer, r.With)), nil
	}
	if r.Channel > 0 {
		var groups []int64
		if err := w.tx.Raw(`
			SELECT c.group_id FROM channels c JOIN group_members m ON m.group_id = c.group_id AND m.user_id = ?
			WHERE c.id = ? AND `+readable, r.Viewer, r.Channel).Scan(&groups).Error; err != nil {
			return nil, nil, err
		}
		if len(groups) == 0 || r.Group > 0 && r.Group != groups[0] {
			return nil, nil, ErrChannelNotFound
		}
		return nil, append(all, channelTag(r.Channel)), nil
	}
	var rows []struct{ GroupID, ChannelID int64 }
	if err := w.tx.Raw(`
		SELECT group_id, 0 AS channel_id FROM group_members WHERE user_id = ?
		UNION ALL
		SELECT c.group_id, c.id FROM channel_members x
		JOIN channels c ON c.id = x.channel_id AND c.private
		JOIN group_members m ON m.group_id = c.group_id AND m.user_id = x.user_id
		WHERE x.user_id = ?`, r.Viewer, r.Viewer).Scan(&rows).Error; err != nil {
		return nil, nil, err
	}
	if r.Group == 0 {
		oneOf = append(oneOf, personTag(r.Viewer))
	}
	for _, row := range rows {
		switch {
		case r.Group > 0 && r.Group != row.GroupID:
		case row.ChannelID == 0:
			oneOf = append(oneOf, groupTag(row.GroupID))
		default:
			oneOf = append(oneOf, channelTag(row.ChannelID))
		}
	}
	if len(oneOf) == 0 {
		return nil, nil, ErrGroupNotFound
	}
	return oneOf, all, nil
}

// readable is what lets a member m read a channel c.
const readable = `(NOT c.private OR EXISTS (SELECT 1 FROM channel_members x WHERE x.channel_id = c.id AND x.user_id = m.user_id))`

// expression is a query in the index's own language. It may let pass what the query does not, but not the other way round.
func expression(d store.Dialect, q Query, oneOf, all []string) string {
	write, and, or := quoteTSQuery, " & ", " | "
	if d == store.SQLite {
		write, and, or = quoteFTS5, " AND ", " OR "
	}
	list := func(terms []term, between string) string {
		parts := make([]string, 0, len(terms))
		for _, t := range terms {
			parts = append(parts, write(t))
		}
		return "(" + strings.Join(parts, between) + ")"
	}
	tags := func(names []string) (terms []term) {
		for _, n := range names {
			terms = append(terms, term{text: n})
		}
		return terms
	}
	expr := list(append(q.terms(), tags(all)...), and)
	if len(oneOf) > 0 {
		expr += and + list(tags(oneOf), or)
	}
	if without := q.without(); len(without) > 0 {
		if d == store.SQLite {
			return "(" + expr + ") NOT " + list(without, or)
		}
		return expr + " & !" + list(without, or)
	}
	return expr
}

// quoteTSQuery writes a term for PostgreSQL. Words consist of letters, digits, marks and symbols, none of which means anything there.
func quoteTSQuery(t term) string {
	if t.prefix {
		return "'" + t.text + "':*"
	}
	return "'" + t.text + "'"
}

func quoteFTS5(t term) string {
	if t.prefix {
		return `"` + t.text + `"*`
	}
	return `"` + t.text + `"`
}

// firstWindow is how many of the latest documents PostgreSQL looks at one by one. A common word has filled the page then. For
// one that has not, it reads the index's lists of documents instead, which are not in any useful order: so each time a part of the time before, growing
// part growing times longer, because what is sorted in the end is then not much more than what is asked for.
const (
	firstWindow = 4096
	growth      = 16
)

// propose returns up to n documents that may be what was looked for, the latest first, and how far back it has looked.
func (w *walk) propose(n int) (ids []int64, edge int64, err error) {
	switch {
	case w.dialect == store.SQLite:
		edge = w.low
		err = w.tx.Raw(`SELECT rowid FROM search_words WHERE search_words MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid DESC LIMIT ?`,
			w.expr, w.low, w.high, n).Scan(&ids).Error
	case w.width == 0:
		ids, edge, err = w.latest()
	default:
		edge = w.low
		if w.high-w.low > w.width {
			edge = w.high - w.width
		}
		// The sum keeps the primary key from being walked in order, however many documents that would take.
		err = w.tx.Raw(`SELECT id FROM search_documents WHERE words @@ ?::tsquery AND id >= ? AND id < ? ORDER BY id + 0 DESC LIMIT ?`,
			w.expr, edge, w.high, n).Scan(&ids).Error
		if len(ids) < n && w.width < maxID/growth {
			w.width *= growth
		}
	}
	if err == nil && len(ids) >= n {
		ids = ids[:n]
		edge = ids[n-1]
	}
	return ids, edge, err
}

// latest looks at the first window.
func (w *walk) latest() (ids []int64, edge int64, err error) {
	var window struct {
		Found           string
		Count           int
		Lowest, Highest int64
	}
	if err := w.tx.Raw(`
		WITH latest AS MATERIALIZED (SELECT id, words FROM search_documents WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT ?)
		SELECT '[' || COALESCE(string_agg(id::text, ',' ORDER BY id DESC) FILTER (WHERE words @@ ?::tsquery), '') || ']' AS found,
			count(*) AS count, COALESCE(min(id), 0) AS lowest, COALESCE(max(id), 0) AS highest
		FROM latest`, w.low, w.high, firstWindow, w.expr).Scan(&window).Error; err != nil {
		return nil, 0, err
	}
	if err := json.Unmarshal([]byte(window.Found), &ids); err != nil {
		return nil, 0, fmt.Errorf("read a list of documents: %w", err)
	}
	w.width = max(window.Highest-window.Lowest, 1<<idBits) * growth
	if window.Count < firstWindow {
		return ids, w.low, nil
	}
	return ids, window.Lowest, nil
}

// candidate is a document with what its message says now.
type candidate struct {
	ID, MessageID int64
	Direct        bool
	Content       string
}

// read reads the messages of documents as they are now, in the order of ids, as far as they are there and the viewer may read them.
func (w *walk) read(ids []int64) (found []candidate, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = w.tx.Raw(`
		SELECT d.id, d.message_id, d.direct, s.content
		FROM search_documents d
		JOIN messages s ON s.id = d.message_id AND s.deleted_at IS NULL
		JOIN channels c ON c.id = s.channel_id
		JOIN group_members m ON m.group_id = c.group_id AND m.user_id = ?
		WHERE d.id IN ? AND d.direct = false AND `+readable+`
		UNION ALL
		SELECT d.id, d.message_id, d.direct, s.content
		FROM search_documents d
		JOIN direct_messages s ON s.id = d.message_id
		JOIN direct_chats c ON c.id = s.chat_id AND (c.low_id = ? OR c.high_id = ?)
		WHERE d.id IN ? AND d.direct = true
		ORDER BY 1 DESC`, w.request.Viewer, ids, w.request.Viewer, w.request.Viewer, ids).Scan(&found).Error
	return found, err
}

// Personal reads messages of the viewer's personal chats, in any order.
func (s *Store) Personal(ctx context.Context, viewer int64, ids []int64) ([]event.PersonalMessage, error) {
	var rows []struct {
		ID, ChatID, Seq, SenderID, CreatedAt, LowID, HighID int64
		Content, Hash                                       string
	}
	if err := s.db.Read(ctx).Raw(`
		SELECT s.id, s.chat_id, s.seq, s.sender_id, s.content, s.hash, s.created_at, c.low_id, c.high_id
		FROM direct_messages s JOIN direct_chats c ON c.id = s.chat_id AND (c.low_id = ? OR c.high_id = ?)
		WHERE s.id IN ?`, viewer, viewer, ids).Scan(&rows).Error; err != nil {
		return nil, store.Map(err)
	}
	messages := make([]event.PersonalMessage, 0, len(rows))
	for _, r := range rows {
		messages = append(messages, event.PersonalMessage{
			MessageID: r.ID, ChatID: r.ChatID, Seq: r.Seq, SenderID: r.SenderID, ReceiverID: r.LowID + r.HighID - r.SenderID,
			Content: r.Content, Hash: r.Hash, CreatedAt: event.FromMillis(r.CreatedAt),
		})
	}
	return messages, nil
}
