package direct

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/problem"
)

func TestRefusal(t *testing.T) {
	t.Parallel()
	friends, strangers := standing{there: true, shared: true}, standing{there: true}
	with := func(s standing, change func(*standing)) standing {
		change(&s)
		return s
	}
	other, self := direction{1, 2}, direction{1, 1}
	for name, tc := range map[string]struct {
		d      direction
		s      standing
		anyone bool
		want   *problem.Problem
	}{
		"people who share a group":                {other, friends, false, nil},
		"people who share none":                   {other, strangers, false, ErrNoSharedGroup},
		"people who share none, where anyone may": {other, strangers, true, nil},
		"nobody":                              {other, standing{shared: true}, true, ErrUserNotFound},
		"the receiver has blocked the sender": {other, with(friends, func(s *standing) { s.blocked = true }), false, ErrBlocked},
		"the same, where anyone may":          {other, with(strangers, func(s *standing) { s.blocked = true }), true, ErrBlocked},
		"the sender has blocked the receiver": {other, with(friends, func(s *standing) { s.blocking = true }), true, ErrBlocking},
		"both have":                           {other, standing{true, true, true, true}, true, ErrBlocking},
		"a stranger does not hear of a block": {other, with(strangers, func(s *standing) { s.blocked = true }), false, ErrNoSharedGroup},
		"a stranger who has blocked":          {other, with(strangers, func(s *standing) { s.blocking = true }), false, ErrBlocking},
		"notes to oneself":                    {self, strangers, false, nil},
		"notes of somebody who is not there":  {self, standing{}, false, ErrUserNotFound},
	} {
		require.Equal(t, tc.want, tc.d.refusal(tc.s, tc.anyone), name)
	}
}

func TestPairs(t *testing.T) {
	t.Parallel()
	require.Equal(t, pairOf(1, 2), pairOf(2, 1))
	require.Equal(t, int64(2), pairOf(2, 1).other(1))
	require.Equal(t, int64(1), pairOf(2, 1).other(2))
	require.Equal(t, int64(3), pairOf(3, 3).other(3))
	used := make(map[int]bool)
	for a := range int64(20) {
		for b := range int64(20) {
			p := event.PairPartition(a, b, 16)
			require.Equal(t, p, event.PairPartition(b, a, 16), "whichever of them sends")
			used[p] = true
		}
	}
	require.Len(t, used, 16, "pairs are spread over the partitions")
	require.Equal(t, 0, event.PairPartition(1, 2, 16), "where messages wait, they are looked for after an update, too")
}

func TestGatheringReceipts(t *testing.T) {
	t.Parallel()
	a, b, c := got(1, 2, Delivered, 5, 10), got(3, 2, Read, 1, 11), got(1, 2, Read, 4, 12)
	require.Equal(t, []*report{
		{direction{1, 2}, []event.DirectReceipt{a, c}},
		{direction{3, 2}, []event.DirectReceipt{b}},
	}, gather([]event.DirectReceipt{a, b, c}))
}

func TestReceiptsMoveASide(t *testing.T) {
	t.Parallel()
	const last = 9
	before := side{read: 3, readAt: 10, delivered: 5, deliveredAt: 11}
	for name, tc := range map[string]struct {
		receipts        []event.DirectReceipt
		want            side
		delivered, read bool
	}{
		"delivered":                      {[]event.DirectReceipt{got(1, 2, Delivered, 6, 20)}, side{read: 3, readAt: 10, delivered: 6, deliveredAt: 20}, true, false},
		"read what is delivered":         {[]event.DirectReceipt{got(1, 2, Read, 4, 20)}, side{read: 4, readAt: 20, delivered: 5, deliveredAt: 11}, false, true},
		"what is read is delivered":      {[]event.DirectReceipt{got(1, 2, Read, 7, 20)}, side{read: 7, readAt: 20, delivered: 7, deliveredAt: 20}, true, true},
		"never back":                     {[]event.DirectReceipt{got(1, 2, Delivered, 2, 20), got(1, 2, Read, 2, 20)}, before, false, false},
		"the same places, told later":    {[]event.DirectReceipt{got(1, 2, Delivered, 5, 20), got(1, 2, Read, 3, 20)}, before, false, false},
		"the very receipts, once more":   {[]event.DirectReceipt{got(1, 2, Delivered, 5, 11), got(1, 2, Read, 3, 10)}, before, true, true},
		"not beyond the last message":    {[]event.DirectReceipt{got(1, 2, Read, 50, 20)}, side{read: 9, readAt: 20, delivered: 9, deliveredAt: 20}, true, true},
		"the first that reaches a place": {[]event.DirectReceipt{got(1, 2, Delivered, 9, 20), got(1, 2, Delivered, 60, 21)}, side{read: 3, readAt: 10, delivered: 9, deliveredAt: 20}, true, false},
		"nothing":                        {[]event.DirectReceipt{got(1, 2, Read, 0, 20)}, before, false, false},
	} {
		s := before
		delivered, read := s.apply(tc.receipts, last)
		require.Equal(t, tc.want, s, name)
		require.Equal(t, tc.delivered, delivered, name)
		require.Equal(t, tc.read, read, name)
	}
	var empty side
	delivered, read := empty.apply([]event.DirectReceipt{got(1, 2, Read, 5, 0)}, 0)
	require.Zero(t, empty)
	require.False(t, delivered || read, "nothing was said yet")
}
