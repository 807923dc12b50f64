package group

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/problem"
)

// Twenty people change two groups that they share, all at once. No deadlock may show, and whoever follows the versions of a user or
// of a group must see them ascend without a gap, in the order of the events.
func TestConcurrentChangesNumberThemselvesWithoutGaps(t *testing.T) {
	t.Parallel()
	onBoth(t, func(w *world) {
		groups := []Group{w.group(), w.group()}
		people := []int64{dan, eve, cat}
		start := w.versions(groups)
		var all sync.WaitGroup
		errs := make(chan error, 20*15)
		for i := range 20 {
			dice := rand.New(rand.NewPCG(7, uint64(i)))
			all.Go(func() {
				for step := range 15 {
					g := groups[dice.IntN(len(groups))].ID
					user := people[dice.IntN(len(people))]
					errs <- w.anything(dice, g, user, fmt.Sprintf("c-%d-%d", i, step))
				}
			})
		}
		all.Wait()
		close(errs)
		done := 0
		for err := range errs {
			if err == nil {
				done++
				continue
			}
			require.Less(w.t, problem.From(err).Status, 500, err)
		}
		require.Greater(w.t, done, 60)
		require.NoError(w.t, w.relay.Flush(w.ctx()))

		versions := start
		for _, e := range w.take() {
			if e.Change != nil {
				require.Equal(w.t, versions[e.Key]+1, e.Change.Version, e.Key)
				versions[e.Key]++
			}
		}
		require.Equal(w.t, versions, w.versions(groups))
	})
}

// anything does one random thing, as ann.
func (w *world) anything(dice *rand.Rand, groupID, userID int64, name string) error {
	switch dice.IntN(6) {
	case 0, 1:
		_, err := w.AddMember(w.ctx(), ann, groupID, userID, RoleMember)
		return err
	case 2:
		return w.RemoveMember(w.ctx(), ann, groupID, userID)
	case 3:
		_, err := w.CreateChannel(w.ctx(), ann, groupID, NewChannel{Name: name})
		return err
	case 4:
		c, err := w.CreateChannel(w.ctx(), ann, groupID, NewChannel{Name: name, Private: true})
		if err != nil {
			return err
		}
		for _, p := range []int64{eve, ben, cat, dan} {
			if _, err := w.AddChannelMember(w.ctx(), ann, groupID, c.ID, p); err != nil && problem.From(err).Status >= 500 {
				return err
			}
		}
		return nil
	default:
		g, err := w.Get(w.ctx(), ann, groupID)
		if err != nil || len(g.Channels) == 0 {
			return err
		}
		c := g.Channels[dice.IntN(len(g.Channels))]
		return w.DeleteChannel(w.ctx(), ann, groupID, c.ID)
	}
}

// versions reads the versions of everyone and of the groups by the keys of their events.
func (w *world) versions(groups []Group) map[string]int64 {
	w.t.Helper()
	all := make(map[string]int64)
	for user := ann; user <= eve; user++ {
		all[event.UserKey(user)] = w.userVersion(user)
	}
	for _, g := range groups {
		all[event.GroupKey(g.ID)] = w.number(`SELECT version FROM groups WHERE id = ?`, g.ID)
	}
	return all
}
