package reaction

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"parley/app/event"
	"parley/app/store"
	"parley/app/store/storetest"
)

func TestReact(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		at := w.message()
		require.Equal(t, event.Reaction{Emoji: "👍", Count: 1, Mine: true, UserIDs: []int64{3}}, w.add(at, 3, "👍"))
		require.Equal(t, event.Reaction{Emoji: "👍", Count: 2, Mine: true, UserIDs: []int64{3, 2}}, w.add(at, 2, "👍"))
		require.Equal(t, event.Reaction{Emoji: "🎉", Count: 1, Mine: true, UserIDs: []int64{2}}, w.add(at, 2, "🎉"))
		require.Equal(t, event.Reaction{Emoji: "👍", Count: 2, Mine: true, UserIDs: []int64{3, 2}}, w.add(at, 2, "👍"), "again")
		w.remove(at, 3, "👍")
		w.remove(at, 3, "👍")
		w.remove(at, 3, "🎉")
		told := w.changes.take()
		require.Len(t, told, 4, "what changes nothing is not told")
		for i, want := range []event.Reacted{
			{UserID: 3, Emoji: "👍", Added: true, Count: 1}, {UserID: 2, Emoji: "👍", Added: true, Count: 2},
			{UserID: 2, Emoji: "🎉", Added: true, Count: 1}, {UserID: 3, Emoji: "👍", Added: false, Count: 1},
		} {
			require.NotZero(t, told[i].At)
			want.GroupID, want.ChannelID, want.MessageID, want.Seq, want.At = 1, 1, at.MessageID, 1, told[i].At
			require.Equal(t, want, told[i])
		}

		other, none := w.message(), w.message()
		w.add(other, 1, "👍")
		all := w.seen(1, none, other, at)
		require.Nil(t, all[0])
		require.Equal(t, []event.Reaction{{Emoji: "👍", Count: 1, Mine: true, UserIDs: []int64{1}}}, all[1])
		require.Equal(t, []event.Reaction{
			{Emoji: "👍", Count: 1, UserIDs: []int64{2}}, {Emoji: "🎉", Count: 1, UserIDs: []int64{2}},
		}, all[2])

		require.NoError(t, w.db.Write(t.Context(), func(tx *gorm.DB) error { return w.Forget(tx, at.MessageID) }))
		all = w.seen(1, at, other)
		require.Nil(t, all[0])
		require.Len(t, all[1], 1)

		deleted := []event.Message{{MessageID: other.MessageID, DeletedAt: &event.Time{}}}
		require.NoError(t, w.Annotate(t.Context(), 1, deleted))
		require.Nil(t, deleted[0].Reactions)
	})
}

// TestAnsweredWithWhatIsThere: the actor's other device has been faster.
func TestAnsweredWithWhatIsThere(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		r, err := w.Add(t.Context(), 1, event.Place{GroupID: 1, ChannelID: 1, MessageID: 77}, "👍") // the fake changes nothing there
		require.NoError(t, err)
		require.Equal(t, event.Reaction{Emoji: "👍", UserIDs: []int64{}}, r)
	})
}

func TestDifferentEmojiAreLimited(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		at := w.message()
		emoji := slices.Sorted(maps.Values(emojiForms()))[:MaxEmoji+1]
		for i, e := range emoji[:MaxEmoji] {
			w.add(at, int64(1+i%2), e)
		}
		_, err := w.Add(t.Context(), 1, at, emoji[MaxEmoji])
		require.ErrorIs(t, err, ErrFull)
		require.Len(t, w.seen(1, at)[0], MaxEmoji)
		w.add(at, 3, emoji[0])
		w.remove(at, 2, emoji[1])
		w.add(at, 1, emoji[MaxEmoji])
	})
}

// TestOrderIsCertain: the clock stands still, or goes back.
func TestOrderIsCertain(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		at := w.message()
		var users []int64
		for i := range int64(15) {
			users = append(users, 1+i*7%30)
			w.add(at, users[i], "🎉")
		}
		w.exec(`UPDATE reactions SET created_at = created_at + 3600000`)
		w.add(at, 30, "🎉")
		w.add(at, 30, "👀")
		users = append(users, 30)
		all := w.seen(1, at)[0]
		require.Equal(t, []event.Reaction{
			{Emoji: "🎉", Count: 16, Mine: true, UserIDs: users[:firstUsers]}, {Emoji: "👀", Count: 1, UserIDs: []int64{30}},
		}, all)
		who, _, err := w.Who(t.Context(), 1, 1, at.MessageID, Part{Emoji: "🎉", Limit: 100})
		require.NoError(t, err)
		for i, u := range who[0].Users {
			require.Equal(t, users[i], u.ID)
		}
	})
}

func TestWho(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		at := w.message()
		for i := range int64(7) {
			w.add(at, 1+i, "👍")
		}
		w.add(at, 2, "🎉")
		w.add(at, 99, "🎉") // whose account is gone
		who := func(p Part) ([]Reactors, int64) {
			t.Helper()
			all, next, err := w.Who(t.Context(), 2, 1, at.MessageID, p)
			require.NoError(t, err)
			return all, next
		}
		user := func(id int64) User { return User{id, fmt.Sprintf("user-%d", id), fmt.Sprintf("User %d", id)} }

		all, next := who(Part{Limit: 3})
		require.Zero(t, next, "only one emoji has pages")
		require.Equal(t, []Reactors{
			{Emoji: "👍", Count: 7, Mine: true, Users: []User{user(1), user(2), user(3)}},
			{Emoji: "🎉", Count: 2, Mine: true, Users: []User{user(2), {99, "~deleted-99", "Deleted user"}}},
		}, all)

		var listed []User
		part, pages := Part{Emoji: "👍", Limit: 3}, 0
		for {
			all, next := who(part)
			require.EqualValues(t, 7, all[0].Count)
			listed = append(listed, all[0].Users...)
			pages++
			if pages == 1 {
				w.remove(at, 1, "👍") // on a page that was read already
				w.add(at, 1, "👍")
			}
			if next == 0 {
				break
			}
			part.After = next
		}
		require.Equal(t, 3, pages)
		require.Equal(t, []User{user(1), user(2), user(3), user(4), user(5), user(6), user(7), user(1)}, listed, "who went and came back is at the end, too")

		all, next = who(Part{Emoji: "👀", Limit: 3})
		require.Empty(t, all)
		require.NotNil(t, all)
		require.Zero(t, next)
		_, _, err := w.Who(t.Context(), 2, 2, at.MessageID, Part{Limit: 3})
		require.ErrorIs(t, err, ErrMessageNotFound, "of another channel")
		_, _, err = w.Who(t.Context(), 2, 1, 999, Part{Limit: 3})
		require.ErrorIs(t, err, ErrMessageNotFound)
	})
}

// model is what reactions are, by message and emoji: who has reacted, in order.
type model map[int64][]*modelled

type modelled struct {
	emoji string
	users []int64
}

func (m model) find(message int64, emoji string) *modelled {
	for _, r := range m[message] {
		if r.emoji == emoji {
			return r
		}
	}
	return nil
}

func (m model) add(message, user int64, emoji string) (told bool, count int) {
	r := m.find(message, emoji)
	if r == nil {
		r = &modelled{emoji: emoji}
		m[message] = append(m[message], r)
	}
	if slices.Contains(r.users, user) {
		return false, 0
	}
	r.users = append(r.users, user)
	return true, len(r.users)
}

func (m model) remove(message, user int64, emoji string) (told bool, count int) {
	r := m.find(message, emoji)
	if r == nil || !slices.Contains(r.users, user) {
		return false, 0
	}
	r.users = slices.DeleteFunc(r.users, func(u int64) bool { return u == user })
	if len(r.users) == 0 {
		m[message] = slices.DeleteFunc(m[message], func(x *modelled) bool { return x == r })
	}
	return true, len(r.users)
}

// seen is what viewer sees of a message. An emoji whose first user has gone has its place by the next one.
func (m model) seen(message, viewer int64, since map[string]int) []event.Reaction {
	all := slices.Clone(m[message])
	slices.SortFunc(all, func(a, b *modelled) int {
		return since[key(message, a.users[0], a.emoji)] - since[key(message, b.users[0], b.emoji)]
	})
	var seen []event.Reaction
	for _, r := range all {
		seen = append(seen, event.Reaction{
			Emoji: r.emoji, Count: int64(len(r.users)), Mine: slices.Contains(r.users, viewer), UserIDs: r.users[:min(len(r.users), firstUsers)],
		})
	}
	return seen
}

func key(message, user int64, emoji string) string { return fmt.Sprint(message, user, emoji) }

// TestReactionsModel: whatever people do, everybody sees what a simple model says, and what was told adds up to it.
func TestReactionsModel(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		w := newWorld(t, db)
		rapid.Check(t, func(rt *rapid.T) {
			places := []event.Place{w.message(), w.message(), w.message()}
			m, since := model{}, make(map[string]int)
			w.changes.take()
			for step := range rapid.IntRange(1, 25).Draw(rt, "steps") {
				at := rapid.SampledFrom(places).Draw(rt, "message")
				user := rapid.Int64Range(1, 12).Draw(rt, "user")
				emoji := rapid.SampledFrom([]string{"👍", "❤️", "🎉", "👩🏾‍🚒"}).Draw(rt, "emoji")
				var told bool
				var count int
				added := rapid.IntRange(0, 3).Draw(rt, "remove") > 0
				if added {
					if told, count = m.add(at.MessageID, user, emoji); told {
						since[key(at.MessageID, user, emoji)] = step
					}
					r := w.add(at, user, emoji)
					require.EqualValues(rt, len(m.find(at.MessageID, emoji).users), r.Count)
				} else {
					told, count = m.remove(at.MessageID, user, emoji)
					w.remove(at, user, emoji)
				}
				events := w.changes.take()
				if !told {
					require.Empty(rt, events)
					continue
				}
				require.Len(rt, events, 1)
				require.Equal(rt, []any{at.MessageID, user, emoji, added, int64(count)},
					[]any{events[0].MessageID, events[0].UserID, events[0].Emoji, events[0].Added, events[0].Count})
			}
			viewer := rapid.Int64Range(1, 12).Draw(rt, "viewer")
			for i, seen := range w.seen(viewer, places...) {
				require.Equal(rt, m.seen(places[i].MessageID, viewer, since), seen)
			}
		})
	})
}
