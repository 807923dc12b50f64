package direct

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"gorm.io/gorm"

	"parley/app/event"
	"parley/app/store"
)

// Progress is how far somebody has got, where receipts say something new, or what those say that are handled for a second time.
type Progress struct {
	ReaderID, OtherID int64
	Position          // of the reader
	Unread            int64

	DeliveredTold, ReadTold bool // which of it is to be told
}

// report is the receipts of one reader in one chat, in their order.
type report struct {
	direction // from the reader
	receipts  []event.DirectReceipt
}

// gather puts together what the receipts of a batch say of the same reader and chat.
func gather(receipts []event.DirectReceipt) []*report {
	var reports []*report
	open := make(map[direction]*report, len(receipts))
	for _, r := range receipts {
		d := direction{r.ReaderID, r.OtherID}
		if open[d] == nil {
			open[d] = &report{direction: d}
			reports = append(reports, open[d])
		}
		open[d].receipts = append(open[d].receipts, r)
	}
	return reports
}

// apply moves a side on as far as receipts say, and returns what of it is to be told.
func (s *side) apply(receipts []event.DirectReceipt, last int64) (delivered, read bool) {
	for _, r := range receipts {
		seq, at := min(r.Seq, last), r.At.UnixMilli()
		delivered = advance(&s.delivered, &s.deliveredAt, seq, at) || delivered // what is read has been delivered
		if r.Status == Read {
			read = advance(&s.read, &s.readAt, seq, at) || read
		}
	}
	return delivered, read
}

// advance moves a position on, never back, and returns whether that is to be told: it has moved, or this
// is the receipt that has moved it, which comes again if its events could not be published.
func advance(seq, at *int64, reached, reachedAt int64) (told bool) {
	if reached > *seq {
		*seq, *at = reached, reachedAt
		return true
	}
	return reached > 0 && reached == *seq && reachedAt == *at
}

// Receive takes receipts and returns what is to be told of them, in the order of the first receipt of each reader in each chat. It can be
// repeated. Receipts of those who have no chat are ignored.
func (s *Store) Receive(ctx context.Context, receipts []event.DirectReceipt) ([]Progress, error) {
	reports := gather(receipts)
	var progress []Progress
	err := s.db.Write(ctx, func(tx *gorm.DB) (err error) {
		progress, err = s.receive(tx, reports)
		return err
	})
	return progress, err
}

func (s *Store) receive(tx *gorm.DB, reports []*report) ([]Progress, error) {
	pairs := make([]pair, 0, len(reports))
	for _, r := range reports {
		pairs = append(pairs, pairOf(r.from, r.to))
	}
	chats, err := s.lock(tx, pairs)
	if err != nil {
		return nil, fmt.Errorf("lock chats: %w", err)
	}
	type move struct {
		*side
		Progress
	}
	var (
		moves   []*move
		changed = make(map[int64]*chat)
		ranges  list[rangeJSON]
	)
	for _, r := range reports {
		c := chats[pairOf(r.from, r.to)]
		if c == nil {
			continue
		}
		mine := c.side(r.from)
		before := *mine
		m := &move{side: mine, Progress: Progress{ReaderID: r.from, OtherID: r.to}}
		m.DeliveredTold, m.ReadTold = mine.apply(r.receipts, c.last)
		if !m.DeliveredTold && !m.ReadTold {
			continue
		}
		switch {
		case mine.read == before.read || mine.unread == 0:
		case mine.read == c.last:
			mine.unread = 0
		default:
			ranges = append(ranges, rangeJSON{len(moves), c.id, r.from, before.read, mine.read})
		}
		moves = append(moves, m)
		if *mine != before {
			changed[c.id] = c
		}
	}
	if err := s.count(tx, ranges, func(i int, n int64) { moves[i].unread -= n }); err != nil {
		return nil, fmt.Errorf("count what was read: %w", err)
	}
	if err := s.save(tx, slices.Collect(maps.Values(changed))); err != nil {
		return nil, fmt.Errorf("write positions: %w", err)
	}
	progress := make([]Progress, 0, len(moves))
	for _, m := range moves {
		m.Position, m.Unread = m.position(), m.unread
		progress = append(progress, m.Progress)
	}
	return progress, nil
}

// rangeJSON is a part of a chat in which the other one's messages are counted.
type rangeJSON struct {
	Index  int   `json:"i"`
	Chat   int64 `json:"chat"`
	Reader int64 `json:"reader"`
	After  int64 `json:"after"`
	Upto   int64 `json:"upto"`
}

// count tells how many messages in each range are the other one's.
func (s *Store) count(tx *gorm.DB, ranges list[rangeJSON], use func(i int, n int64)) error {
	if len(ranges) == 0 {
		return nil
	}
	return store.Each(tx, s.sql.count, []any{ranges}, func(scan store.Scanner) error {
		var (
			i int
			n int64
		)
		if err := scan(&i, &n); err != nil {
			return err
		}
		use(i, n)
		return nil
	})
}

// save writes chats that are locked.
func (s *Store) save(tx *gorm.DB, chats []*chat) error {
	if len(chats) == 0 {
		return nil
	}
	entries := make(list[chatJSON], 0, len(chats))
	for _, c := range chats {
		entries = append(entries, c.json())
	}
	return tx.Exec(s.sql.save, entries).Error
}

// Reach is how far a user may be said to have got in the chat with another one: what is asked for, within what was said
// and not before what is read. It fails with ErrChatNotFound.
func (s *Store) Reach(ctx context.Context, userID, otherID, seq int64) (int64, error) {
	c, err := s.chat(ctx, pairOf(userID, otherID))
	if err != nil {
		return 0, err
	}
	if c == nil {
		return 0, ErrChatNotFound
	}
	return max(min(seq, c.last), c.side(userID).read), nil
}

// chat reads a chat; nil is one in which nothing was said.
func (s *Store) chat(ctx context.Context, p pair) (*chat, error) {
	var found *chat
	err := store.Each(s.db.Read(ctx), "SELECT "+chatColumns+" FROM direct_chats c WHERE c.low_id = ? AND c.high_id = ?", []any{p.low, p.high},
		func(scan store.Scanner) error {
			found = &chat{}
			return found.scan(scan)
		})
	return found, store.Map(err)
}
