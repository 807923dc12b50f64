package direct

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

func TestPage(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, false)
		var sends []event.DirectSend
		for i := range 10 {
			sends = append(sends, say(ann, ben, fmt.Sprint("h", i)))
		}
		persist(t, s, sends...)
		persist(t, s, say(ann, cat, "elsewhere"))
		for name, tc := range map[string]struct {
			r    Range
			want []int64
			more bool
		}{
			"the latest":               {Range{After: fromEnd, Limit: 3}, []int64{8, 9, 10}, true},
			"everything":               {Range{After: fromEnd, Limit: 10}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, false},
			"before":                   {Range{After: fromEnd, Before: 4, Limit: 2}, []int64{2, 3}, true},
			"before, to the beginning": {Range{After: fromEnd, Before: 3, Limit: 2}, []int64{1, 2}, false},
			"after":                    {Range{After: 7, Limit: 2}, []int64{8, 9}, true},
			"after, to the end":        {Range{After: 8, Limit: 2}, []int64{9, 10}, false},
			"after 0 is the beginning": {Range{After: 0, Limit: 2}, []int64{1, 2}, true},
			"after the end":            {Range{After: 10, Limit: 2}, []int64{}, false},
			"between":                  {Range{After: 2, Before: 5, Limit: 10}, []int64{3, 4}, false},
			"before the first":         {Range{After: fromEnd, Before: 1, Limit: 10}, []int64{}, false},
		} {
			messages, more, err := s.Page(t.Context(), ben, ann, tc.r)
			require.NoError(t, err, name)
			seqs := []int64{}
			for _, m := range messages {
				seqs = append(seqs, m.Seq)
			}
			require.Equal(t, tc.want, seqs, name)
			require.Equal(t, tc.more, more, name)
		}
		messages, more, err := s.Page(t.Context(), eve, ann, Range{After: fromEnd, Limit: 5})
		require.NoError(t, err, "nothing was said")
		require.False(t, more)
		require.NotNil(t, messages, "an empty list is [] in JSON, not null")
		for _, other := range []int64{gone, nobody} {
			_, _, err = s.Page(t.Context(), ann, other, Range{After: fromEnd, Limit: 5})
			require.ErrorIs(t, err, ErrUserNotFound)
		}
		s.exec(t, "UPDATE users SET disabled_at = 1 WHERE id = ?", ben)
		require.Len(t, all(t, s, ann, ben), 10, "the history stays")
	})
}

func TestChatsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, false)
		persist(t, s, say(cat, ann, "a"), say(ben, cat, "b"), say(cat, dan, "c"), say(cat, cat, "d"), say(ann, dan, "e"))
		persist(t, s, say(ben, cat, "f"))
		_, err := s.Receive(t.Context(), []event.DirectReceipt{got(cat, ben, Read, 1, 1000), got(ann, cat, Delivered, 1, 2000)})
		require.NoError(t, err)

		var seen []int64
		for before, more := int64(0), true; more; {
			var page []Chat
			page, more, err = s.Chats(t.Context(), cat, before, 2)
			require.NoError(t, err)
			for _, c := range page {
				seen = append(seen, c.User.ID)
				before = c.LastMessage.MessageID
			}
		}
		require.Equal(t, []int64{ben, cat, dan, ann}, seen)

		listed, _, err := s.Chats(t.Context(), cat, 0, 10)
		require.NoError(t, err)
		some, err := s.With(t.Context(), cat, []int64{dan, nobody, eve, cat, ben})
		require.NoError(t, err)
		require.Equal(t, listed[:3], some)
		some, err = s.With(t.Context(), cat, nil)
		require.NoError(t, err)
		require.Empty(t, some)

		c := chatWith(t, s, cat, ben)
		require.Equal(t, User{ID: ben, Username: "ben", DisplayName: "Ben", CreatedAt: event.FromMillis(2)}, c.User)
		require.Equal(t, []int64{2, 1, 1}, []int64{c.LastSeq, c.ReadSeq, c.Unread})
		require.Equal(t, Position{}, c.Other)
		require.Equal(t, "f", c.LastMessage.Hash)
		c = chatWith(t, s, cat, ann)
		require.Zero(t, c.Unread, "one's own message")
		at := event.FromMillis(2000)
		require.Equal(t, Position{DeliveredSeq: 1, DeliveredAt: &at}, c.Other)
		chats, more, err := s.Chats(t.Context(), eve, 0, 10)
		require.NoError(t, err)
		require.False(t, more)
		require.NotNil(t, chats)
	})
}

func TestMissed(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, false)
		var sends []event.DirectSend
		for i := range 5 {
			sends = append(sends, say(ann, ben, fmt.Sprint("h", i)), say(cat, ann, fmt.Sprint("h", i)), say(ann, ann, fmt.Sprint("h", i)))
		}
		persist(t, s, sends...)
		missed, err := s.Missed(t.Context(), ann, map[int64]int64{ben: 1, cat: 3, dan: 0, ann: 5, nobody: 0}, 3)
		require.NoError(t, err)
		found := make(map[int64][]int64)
		more := make(map[int64]bool)
		for _, m := range missed {
			more[m.OtherID] = m.More
			for _, k := range m.Messages {
				found[m.OtherID] = append(found[m.OtherID], k.Seq)
			}
		}
		require.Equal(t, map[int64][]int64{ben: {2, 3, 4}, cat: {4, 5}}, found)
		require.Equal(t, map[int64]bool{ben: true, cat: false}, more)
		missed, err = s.Missed(t.Context(), ann, nil, 3)
		require.NoError(t, err)
		require.Empty(t, missed)
	})
}

func TestReach(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, false)
		persist(t, s, say(ann, ben, "a"), say(ann, ben, "b"), say(ann, ben, "c"))
		_, err := s.Receive(t.Context(), []event.DirectReceipt{got(ben, ann, Read, 2, 1)})
		require.NoError(t, err)
		for asked, want := range map[int64]int64{0: 2, 1: 2, 2: 2, 3: 3, 100: 3} {
			seq, err := s.Reach(t.Context(), ben, ann, asked)
			require.NoError(t, err)
			require.Equal(t, want, seq)
		}
		_, err = s.Reach(t.Context(), ben, cat, 1)
		require.ErrorIs(t, err, ErrChatNotFound)
	})
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		s := open(t, db, false)
		for _, other := range []int64{dan, ben, eve, ben, gone} {
			require.NoError(t, s.Block(t.Context(), ann, other))
		}
		require.ErrorIs(t, s.Block(t.Context(), ann, nobody), ErrUserNotFound)
		require.NoError(t, s.Unblock(t.Context(), ann, dan))
		require.NoError(t, s.Unblock(t.Context(), ann, nobody))
		var seen []int64
		for after, more := int64(0), true; more; {
			page, again, err := s.Blocks(t.Context(), ann, after, 2)
			require.NoError(t, err)
			more = again
			for _, b := range page {
				require.NotZero(t, b.CreatedAt)
				seen = append(seen, b.User.ID)
				after = b.User.ID
			}
		}
		require.Equal(t, []int64{ben, eve, gone}, seen)
	})
}
