package e2e

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"parley/app/event"
)

// edited is one entry of what a message has said before.
type edited struct {
	Content  string
	EditorID int64
	EditedAt event.Time
}

func (p *person) edits(m event.Message) []edited {
	p.t.Helper()
	var answer struct{ Edits []edited }
	p.do(http.MethodGet, messagePath(m)+"/edits", nil, http.StatusOK, &answer)
	return answer.Edits
}

func (p *person) edit(m event.Message, content string) (after event.Message) {
	p.t.Helper()
	p.do(http.MethodPatch, messagePath(m), map[string]string{"content": content}, http.StatusOK, &after)
	return after
}

func (p *person) erase(m event.Message) {
	p.t.Helper()
	p.do(http.MethodDelete, messagePath(m), nil, http.StatusNoContent, nil)
}

// TestEditAndDelete: authors edit; they, owners and admins delete; everybody hears of it on every server, after the message, in the order of
// the changes.
func TestEditAndDelete(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		people := c.people(t, "person", 4)
		ann, ben, carla, eve := people[0], people[1], people[2], people[3]
		g := ann.group("friends", ben, carla)
		general := g.Channels[0]
		watchers := []*watcher{ann.watcher(0), ben.watcher(1), carla.watcher(0)}
		first, second, third := ben.said(general, "first"), ben.said(general, "second"), ben.said(general, "third")

		after := ben.edit(first, "better")
		require.Equal(t, "better", after.Content)
		require.NotNil(t, after.EditedAt)
		require.Equal(t, first.Seq, after.Seq)
		require.Equal(t, after, ben.edit(first, "better"), "the same again changes nothing")
		last := ben.edit(first, "best")
		require.Equal(t, last, carla.one(first))
		ben.erase(second)
		ben.erase(second)
		ann.erase(third)
		for _, w := range watchers {
			updates, before := hear[event.Message](w, event.MessageUpdated, 2)
			require.Len(t, before, 3, "the messages come first")
			require.Equal(t, []event.Message{after, last}, updates)
			deletes, _ := hear[event.Deleted](w, event.MessageDeleted, 2)
			for i, want := range []event.Deleted{
				{MessageID: second.MessageID, Seq: 2, DeletedBy: ben.id}, {MessageID: third.MessageID, Seq: 3, DeletedBy: ann.id},
			} {
				want.GroupID, want.ChannelID, want.DeletedAt = g.ID, general.ID, deletes[i].DeletedAt
				require.Equal(t, want, deletes[i])
			}
		}

		// What it has said is for owners and admins, until it is deleted.
		history := ann.edits(first)
		require.Len(t, history, 2)
		require.Equal(t, []edited{{"says first", ben.id, *after.EditedAt}, {"better", ben.id, *last.EditedAt}}, history)
		ben.refused(http.MethodGet, messagePath(first)+"/edits", nil, http.StatusForbidden, "forbidden")
		eve.refused(http.MethodGet, messagePath(first)+"/edits", nil, http.StatusNotFound, "group_not_found")
		ann.do(http.MethodPatch, fmt.Sprintf("/groups/%d/members/%d", g.ID, carla.id), map[string]string{"role": "admin"}, http.StatusOK, nil)
		require.Equal(t, history, carla.edits(first))

		body := map[string]string{"content": "not mine"}
		ann.refused(http.MethodPatch, messagePath(first), body, http.StatusForbidden, "forbidden")
		eve.refused(http.MethodPatch, messagePath(first), body, http.StatusNotFound, "group_not_found")
		eve.refused(http.MethodDelete, messagePath(first), nil, http.StatusNotFound, "group_not_found")
		ben.refused(http.MethodDelete, messagePath(ann.said(general, "anns")), nil, http.StatusForbidden, "forbidden")
		ben.refused(http.MethodPatch, messagePath(second), body, http.StatusConflict, "message_deleted")
		ben.refused(http.MethodPatch, messagePath(first), map[string]string{"content": " "}, http.StatusBadRequest, "validation_failed")
		nowhere := first
		nowhere.MessageID = 1 << 40
		ben.refused(http.MethodPatch, messagePath(nowhere), body, http.StatusNotFound, "message_not_found")
		ben.refused(http.MethodDelete, messagePath(nowhere), nil, http.StatusNotFound, "message_not_found")

		// A tombstone keeps its place, which is not given out again, also when the message is sent again.
		ben.send(general, "second", "says second")
		again, _ := hear[event.Message](watchers[1], event.MessageSent, 1)
		require.Equal(t, carla.one(second), again[0])
		require.NotNil(t, again[0].DeletedAt)
		require.Empty(t, again[0].Content)
		carla.erase(first)
		require.Empty(t, ann.edits(first))
		kept := carla.history(general)
		require.Len(t, kept, 4)
		for i, m := range kept {
			require.EqualValues(t, i+1, m.Seq)
			require.Equal(t, i < 3, m.DeletedAt != nil)
			require.Nil(t, m.EditedAt)
		}
		var now group
		carla.do(http.MethodGet, fmt.Sprintf("/groups/%d", g.ID), nil, http.StatusOK, &now)
		require.EqualValues(t, 1, now.Channels[0].Unread, "what was deleted is not unread")
		require.EqualValues(t, 4, now.Channels[0].LastSeq)
	})
}

// view is what a client that only listens makes of the events of a channel. It must hear of a message before what changes it.
type view struct {
	mu       sync.Mutex
	messages map[int64]event.Message
	faults   []string
}

// listen applies events until the connection ends.
func (v *view) listen(w *watcher) error {
	for {
		e, err := w.conn.Next(context.Background())
		if err != nil {
			return nil //nolint:nilerr // the end
		}
		if err := undocumented(e.Name, e.Payload); err != nil {
			return err
		}
		var m event.Message
		var d event.Deleted
		switch e.Name {
		case event.MessageSent, event.MessageReceive, event.MessageUpdated:
			if err := e.Decode(&m); err != nil {
				return err
			}
			v.apply(m.MessageID, e.Name != event.MessageUpdated, func(event.Message) event.Message { return m })
		case event.MessageDeleted:
			if err := e.Decode(&d); err != nil {
				return err
			}
			v.apply(d.MessageID, false, func(m event.Message) event.Message {
				m.Content, m.EditedAt, m.Mentions, m.DeletedAt = "", nil, nil, &d.DeletedAt
				return m
			})
		}
	}
}

// apply changes a message, or adds one.
func (v *view) apply(id int64, adds bool, change func(event.Message) event.Message) {
	v.mu.Lock()
	defer v.mu.Unlock()
	m, known := v.messages[id]
	if !known && !adds {
		v.faults = append(v.faults, fmt.Sprintf("a change of message %d came before the message", id))
	}
	v.messages[id] = change(m)
}

// is says whether the view is what a history says.
func (v *view) is(history []event.Message) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, m := range history {
		if !reflect.DeepEqual(m, v.messages[m.MessageID]) {
			return false
		}
	}
	return len(v.messages) == len(history)
}

// TestChangesComeInOrderWhateverBreaks: people edit and delete their messages while the worker is killed again and again; who only listens
// ends with what the history says, on both servers.
func TestChangesComeInOrderWhateverBreaks(t *testing.T) {
	t.Parallel()
	c := split(t)
	const talkers, rounds = 4, 15
	people := c.people(t, "person", talkers+2)
	g := people[0].group("friends", people[1:]...)
	general := g.Channels[0]
	views := []*view{{messages: make(map[int64]event.Message)}, {messages: make(map[int64]event.Message)}}
	var listeners, writers errgroup.Group
	var ears []*watcher
	for i, v := range views {
		w := people[talkers+i].watcher(i)
		ears = append(ears, w)
		listeners.Go(func() error { return v.listen(w) })
	}
	for n, p := range people[:talkers] {
		writers.Go(func() error {
			for i := range rounds {
				m := p.posted(general, fmt.Sprintf("m_%d_%d", n, i), "says @person-5", 0)
				p.edit(m, "once")
				p.edit(m, "twice, @person-4")
				if i%3 == 0 {
					p.erase(m)
				}
			}
			return nil
		})
	}
	done := make(chan error, 1)
	go func() { done <- writers.Wait() }()
	for working := true; working; {
		select {
		case err := <-done:
			require.NoError(t, err)
			working = false
		default:
			c.worker.kill()
			c.worker.restart()
			people[0].posted(general, "mark_"+random(), "the worker is back", 0)
		}
	}
	history := people[0].history(general)
	for i, v := range views {
		require.Eventually(t, func() bool { return v.is(history) }, patience, pollEvery, "listener %d", i)
		ears[i].conn.Close()
	}
	require.NoError(t, listeners.Wait())
	for i, v := range views {
		require.Empty(t, v.faults, "listener %d", i)
		require.True(t, v.is(history), "listener %d", i)
	}
}
