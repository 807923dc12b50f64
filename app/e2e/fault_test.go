package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
	"parley/app/socket/sockettest"
	"parley/app/store/storetest"
	"parley/app/testenv"
)

// talkers is how many people talk while something breaks.
const talkers = 5

// split starts split roles on the shared services.
func split(t *testing.T) *cluster {
	t.Helper()
	return startSplit(t, services(t, testenv.AMQPURL(t), storetest.PostgresURL(t)), nil)
}

func TestWorkerKilledInMidBatch(t *testing.T) {
	t.Parallel()
	c := split(t)
	l := c.load(t, talkers)
	for range 3 {
		l.more(100)
		c.worker.kill()
		l.more(20) // accepted without any worker
		c.worker.restart()
	}
	l.more(100)
	l.finish()
}

func TestAnotherWorkerTakesOver(t *testing.T) {
	t.Parallel()
	c := split(t)
	second := serve(t, "worker-2", merge(c.env, map[string]string{"PARLEY_ROLES": "worker"}))
	l := c.load(t, talkers)
	l.more(100)
	c.worker.kill()
	l.more(100)
	l.catchesUp()
	c.worker.restart()
	second.stop() // hands over in good order
	l.more(100)
	l.finish()
}

func TestSocketServerKilled(t *testing.T) {
	t.Parallel()
	c := split(t)
	l := c.load(t, talkers)
	for i := range 2 {
		l.more(100)
		c.sockets[i].kill()
		l.more(100)
		c.sockets[i].restart()
	}
	l.more(100)
	l.finish()
}

func TestAPIKilled(t *testing.T) {
	t.Parallel()
	c := split(t)
	l := c.load(t, talkers)
	for range 3 {
		l.more(100)
		c.api.kill()
		c.api.restart()
	}
	l.more(100)
	l.finish()
}

func TestRabbitMQStoppedAndStarted(t *testing.T) {
	t.Parallel()
	broker := testenv.StartRabbit(t)
	c := startSplit(t, services(t, broker.URL(), storetest.PostgresURL(t)), nil)
	l := c.load(t, talkers)
	l.more(100)
	require.NoError(t, broker.Stop())
	a, err := l.people[0].request(t.Context(), http.MethodPost, messagesPath(l.channels[0]), []byte(`{"content": "x", "hash": "away"}`))
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, a.status, "%s", a.body)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Equal(t, "unavailable", a.code())
	require.NoError(t, broker.Start())
	l.more(100)
	for _, d := range l.devices {
		d.await(func() bool { return d.resyncs > 0 || d.subscribed > 1 }, "RESYNC")
	}
	require.NoError(t, broker.Kill())
	require.NoError(t, broker.Start())
	l.more(100)
	// The message that was answered 503 may have been kept or not; sent again, it is there once.
	require.NoError(t, l.people[0].insist(t.Context(), l.channels[0], "away", "x"))
	l.book.note(l.channels[0], "away")
	l.finish()
}

func TestPostgreSQLRestarted(t *testing.T) {
	t.Parallel()
	database := testenv.StartPostgres(t)
	c := startSplit(t, services(t, testenv.AMQPURL(t), database.URL()), nil)
	l := c.load(t, talkers)
	l.more(100)
	require.NoError(t, database.Stop())
	a, err := l.people[0].request(t.Context(), http.MethodGet, "/groups", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, a.status, "%s", a.body)
	require.Eventually(t, func() bool { return status(c.api.url()+"/readyz") == http.StatusServiceUnavailable }, patience, pollEvery)
	require.Equal(t, http.StatusOK, status(c.api.url()+"/healthz"), "alive all the same: a restart would not help")
	require.NoError(t, database.Start())
	l.more(100)
	require.NoError(t, database.Kill())
	require.NoError(t, database.Start())
	l.more(100)
	l.finish()
}

// TestAClientThatNeverReads holds up nobody, is let go when its queue is full, and has missed nothing when it comes back.
func TestAClientThatNeverReads(t *testing.T) {
	t.Parallel()
	c := split(t)
	l := c.loadOf(t, talkers, strings.Repeat("x", 3900))
	sleeper := l.people[0]
	conn, err := sockettest.Dial(t.Context(), c.socket(0), sockettest.Options{Token: sleeper.token})
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	_, err = conn.Await(t.Context(), event.Subscribed)
	require.NoError(t, err)
	conn.Pause()
	require.Eventually(t, func() bool { return closedFor(c.sockets[0], "slow_client") }, patience, pollEvery, "its queue has no bound")
	t.Logf("let go after %d messages", l.book.count())
	conn.Resume()
	<-conn.Done()
	back := sleeper.device(0, l.channels...)
	l.devices = append(l.devices, back)
	l.more(50)
	l.finish()
}

// TestEmbeddedKilledDuringABurst: what was answered 202 is on disk, without any broker.
func TestEmbeddedKilledDuringABurst(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, nil)
	l := c.load(t, talkers)
	for range 3 {
		l.more(100)
		c.api.kill()
		c.api.restart()
	}
	l.more(100)
	l.finish()
}

// TestRemovedWhileMessagesPour: once a removal has been answered, nothing of the group reaches the removed user.
func TestRemovedWhileMessagesPour(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		l := c.load(t, talkers)
		owner, victim := l.people[0], c.person(t, "victim")
		g := group{ID: l.channels[0].GroupID}
		for round := range 5 {
			owner.add(g, victim)
			first, second := victim.watcher(0), victim.watcher(1)
			l.more(20)
			owner.remove(g, victim)
			answered := l.mark(owner, fmt.Sprintf("mark_%d", round))
			l.more(20)
			private := victim.group("to see what came before") // its GROUP_JOINED comes after everything else
			for _, w := range []*watcher{first, second} {
				w.requireSilence(g.ID, answered, private.ID)
			}
		}
		l.finish()
	})
}
