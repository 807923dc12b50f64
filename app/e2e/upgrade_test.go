package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/store/storetest"
	"parley/app/testenv"
)

// TestUpgrade: a deployment of an earlier version is upgraded, with everything that is in its database (see storetest/old), and goes on as if nothing had happened.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	for _, version := range []int64{1, storetest.Released} {
		t.Run(fmt.Sprintf("embedded from %d", version), func(t *testing.T) {
			t.Parallel()
			env := base(t)
			storetest.Old(t, "sqlite://"+filepath.Join(env["PARLEY_DATA_DIR"], "parley.db"), version)
			goesOnAfterUpgrade(t, startWhole(t, env, nil), version)
		})
		t.Run(fmt.Sprintf("split roles from %d", version), func(t *testing.T) {
			t.Parallel()
			url := storetest.PostgresURL(t)
			storetest.Old(t, url, version)
			c := startSplit(t, services(t, testenv.AMQPURL(t), url), map[string]string{"PARLEY_MESSAGE_PARTITIONS": "16"})
			goesOnAfterUpgrade(t, c, version)
		})
	}
}

// old signs in somebody whom the database knows from before.
func (c *cluster) old(t *testing.T, name string) *person {
	t.Helper()
	s := c.login(t, name, "parley-demo")
	return &person{t: t, c: c, id: s.User.ID, name: name, token: s.AccessToken}
}

// oldMessage is what the channel general of the group Friends had at a seq.
func oldMessage(seq int64) event.Message {
	content := []string{
		fmt.Sprintf("Plain text, number %d", seq),
		"@ben and @channel: `@cat` ",
		"Line one\nline \"two\" \\n \\ it's <b>bold</b> & %s $1 ?",
		fmt.Sprintf("Ünïcödé – 日本語, 👩‍👩‍👧 %d", seq),
		fmt.Sprintf("https://example.org/?q=%d", seq),
	}[seq%5]
	return event.Message{
		MessageID: 3 * seq, GroupID: 1, ChannelID: 1, Seq: seq, SenderID: []int64{1, 2, 3, 5}[seq%4],
		Content: content, Hash: fmt.Sprintf("general_%d", seq), CreatedAt: event.FromMillis(1760000010000 + 1000*seq),
	}
}

func goesOnAfterUpgrade(t *testing.T, c *cluster, version int64) {
	t.Helper()
	ann, ben, cat := c.old(t, "ann"), c.old(t, "ben"), c.old(t, "cat")
	c.nobody(t).refused(http.MethodPost, "/auth/login", map[string]string{"username": "dan", "password": "parley-demo"}, http.StatusForbidden, "user_disabled")
	require.Equal(t, ben.id, c.refresh(t, "an-old-refresh-token").User.ID)
	c.refreshRefused(t, "a-rotated-refresh-token", "token_reused")

	general, staff, quiet := requireOldGroups(t, ann, ben, cat)
	history := ann.history(general)
	require.Len(t, history, 200)
	for i, m := range history {
		require.Equal(t, oldMessage(int64(i+1)), m)
	}
	require.Len(t, ben.history(staff), 30)
	cat.refused(http.MethodGet, messagesPath(staff), nil, http.StatusNotFound, "channel_not_found")

	// A hash from before is known; a new one goes on where the numbers end.
	phone, laptop, other := ann.device(0, general, staff), ann.device(1, general, staff), cat.device(1, general, quiet)
	ann.send(general, "general_4", "said before the upgrade, and never heard that it had been kept")
	require.Eventually(t, func() bool { return phone.heard(event.MessageSent) == 1 }, patience, pollEvery, "confirmed again")
	ann.send(general, "new-1", "after the upgrade")
	cat.send(quiet, "new-1", "the first one here")
	ben.send(staff, "new-1", "among us")
	other.has(quiet, 1)
	phone.has(staff, 31)
	for _, d := range []*device{phone, laptop, other} {
		d.has(general, 201)
		d.check(general)
	}
	newest := ann.history(general)[200]
	require.Equal(t, int64(201), newest.Seq)
	require.Equal(t, "after the upgrade", newest.Content)
	require.Greater(t, newest.MessageID, int64(1140), "no number of a message comes twice")
	require.Equal(t, history, ann.history(general)[:200])

	if version >= 2 {
		eve := c.old(t, "eve")
		eve.refused(http.MethodPost, "/invites/an-expired-invite/accept", nil, http.StatusGone, "invite_expired")
		eve.do(http.MethodPost, "/invites/an-invite-for-three/accept", nil, http.StatusOK, nil)
		c.old(t, "reader-8").refused(http.MethodPost, "/invites/an-open-invite/accept", nil, http.StatusForbidden, "banned")
		require.Len(t, eve.history(general), 201)
	}
	requireNewWithOld(t, ann, ben, general)
}

// requireNewWithOld: what the version before could not do, this one can do with its messages.
func requireNewWithOld(t *testing.T, ann, ben *person, general channel) {
	t.Helper()
	path := func(seq int64) string { return fmt.Sprintf("%s/%d", messagesPath(general), oldMessage(seq).MessageID) }
	ann.do(http.MethodPatch, path(4), map[string]string{"content": "edited after the upgrade"}, http.StatusOK, nil)
	ann.do(http.MethodDelete, path(8), nil, http.StatusNoContent, nil)
	ben.do(http.MethodPut, path(12)+"/reactions/👍", nil, http.StatusOK, nil)
	ben.do(http.MethodPost, messagesPath(general), map[string]any{"content": "I agree", "hash": "reply", "replyTo": oldMessage(12).MessageID}, http.StatusAccepted, nil)
	ben.do(http.MethodPost, fmt.Sprintf("/groups/%d/channels/%d/read", general.GroupID, general.ID), map[string]int64{"seq": 190}, http.StatusAccepted, nil)
	var answer struct {
		Channels map[string]struct {
			Messages, Changes []event.Message
			ReadSeq           int64
		}
	}
	require.Eventually(t, func() bool {
		ben.do(http.MethodPost, "/sync", map[string]any{"channels": map[string]int64{"1": 201}}, http.StatusOK, &answer)
		return answer.Channels["1"].ReadSeq == 190 && len(answer.Channels["1"].Messages) == 1
	}, patience, pollPause)
	var changed []int64
	for _, m := range answer.Channels["1"].Changes {
		changed = append(changed, m.Seq)
	}
	require.ElementsMatch(t, []int64{4, 8, 12}, changed)

	var thread struct{ Messages []event.Message }
	ben.do(http.MethodGet, path(12)+"/thread", nil, http.StatusOK, &thread)
	require.NotEmpty(t, thread.Messages)
	var found struct {
		Results []struct{ Message event.Message }
	}
	require.Eventually(t, func() bool {
		ben.do(http.MethodGet, "/search?q=plain+text+number+50", nil, http.StatusOK, &found)
		return len(found.Results) > 0
	}, patience, pollPause, "old messages get into the index in the background")
}

// requireOldGroups reads what the people are members of, with what they have read, and returns the channels of Friends.
func requireOldGroups(t *testing.T, ann, ben, cat *person) (general, staff, quiet channel) {
	t.Helper()
	unread := func(p *person) map[int64][2]int64 {
		var groups []struct {
			Channels []struct{ ID, GroupID, LastSeq, ReadSeq, Unread int64 }
		}
		p.do(http.MethodGet, "/groups", nil, http.StatusOK, &groups)
		found := make(map[int64][2]int64)
		for _, g := range groups {
			for _, c := range g.Channels {
				found[c.ID] = [2]int64{c.ReadSeq, c.Unread}
				require.Equal(t, map[int64]int64{1: 200, 2: 30, 5: 0, 6: 40}[c.ID], c.LastSeq)
			}
		}
		return found
	}
	require.Equal(t, map[int64][2]int64{1: {200, 0}, 2: {30, 0}, 5: {0, 0}, 6: {0, 40}}, unread(ann))
	require.Contains(t, unread(ben), int64(2))
	require.NotContains(t, unread(cat), int64(2), "not in the private channel")
	require.Contains(t, unread(cat), int64(1))
	return channel{ID: 1, GroupID: 1}, channel{ID: 2, GroupID: 1}, channel{ID: 5, GroupID: 1}
}

// TestDowngrade: the newest migrations are taken back, and applied again; what the version before could keep is all there.
func TestDowngrade(t *testing.T) {
	t.Parallel()
	env := base(t)
	storetest.Old(t, "sqlite://"+filepath.Join(env["PARLEY_DATA_DIR"], "parley.db"), storetest.Released)
	c := startWhole(t, env, nil)
	general := channel{ID: 1, GroupID: 1}
	ann := c.old(t, "ann")
	phone := ann.device(0, general)
	ann.send(general, "new-1", "after the upgrade")
	phone.has(general, 201)
	before := ann.history(general)
	phone.close()
	c.api.stop()
	for oldest := fmt.Sprintf("took back %05d_", storetest.Released+1); ; {
		said := parley(t, env, "", "migrate", "down")
		require.Contains(t, said, "took back")
		if strings.HasPrefix(said, oldest) {
			break
		}
	}
	c.api.restart()
	require.Equal(t, before, ann.history(general))
}

// TestOutboxIsUpgraded: what the version before had committed, and had not published when it ended, is published by the new one.
func TestOutboxIsUpgraded(t *testing.T) {
	t.Parallel()
	env := base(t)
	storetest.Old(t, "sqlite://"+filepath.Join(env["PARLEY_DATA_DIR"], "parley.db"), storetest.Released)
	admin := freeAddr(t)
	startWhole(t, env, map[string]string{"PARLEY_ADMIN_ADDR": admin})
	require.Eventually(t, func() bool { return metric(admin, "parley_outbox_published_total") == "2" }, patience, 50*time.Millisecond)
}
