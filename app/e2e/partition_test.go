package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/store/storetest"
	"parley/app/testenv"
)

// What is promised of partitions: how soon they are shared out when a worker comes or goes, and taken over when one dies.
const (
	shareWithin    = 5 * time.Second
	takeOverWithin = 10 * time.Second
)

// sharer is a worker whose metrics can be read.
type sharer struct {
	*process
	admin string
}

// sharer starts a worker.
func (c *cluster) sharer(t testing.TB, name string) *sharer {
	t.Helper()
	admin := freeAddr(t)
	p := serve(t, name, merge(c.env, map[string]string{"PARLEY_ROLES": "worker", "PARLEY_ADMIN_ADDR": admin}))
	return &sharer{process: p, admin: admin}
}

// withSharer replaces the cluster's worker by one whose metrics can be read.
func (c *cluster) withSharer(t testing.TB) *sharer {
	t.Helper()
	c.worker.stop()
	s := c.sharer(t, "worker-1")
	requireShares(t, shareWithin, map[*sharer]int{s: 4})
	return s
}

// requireShares waits until each worker has so many of the four partitions.
func requireShares(t testing.TB, within time.Duration, want map[*sharer]int) {
	t.Helper()
	got := make(map[string]string, len(want))
	even := func() bool {
		all := true
		for s, n := range want {
			got[s.name] = metric(s.admin, "parley_partitions_owned")
			all = all && got[s.name] == strconv.Itoa(n)
		}
		return all
	}
	began := time.Now()
	for !even() {
		require.Less(t, time.Since(began), within, "the partitions are not shared out as they should be: %v", got)
		pause(t.Context(), pollEvery)
	}
	t.Logf("shared out after %s", time.Since(began).Round(time.Millisecond))
}

// metric is the value of a metric without labels, as it is written; or what keeps it from being read.
func metric(admin, name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		return err.Error()
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return value
		}
	}
	return fmt.Sprintf("no %s: %v", name, lines.Err())
}

// TestPartitionsFollowTheWorkers: a conversation goes on while workers are added, killed, and stopped.
func TestPartitionsFollowTheWorkers(t *testing.T) {
	t.Parallel()
	c := split(t)
	first := c.withSharer(t)
	l := c.load(t, talkers)
	l.more(100)

	second := c.sharer(t, "worker-2")
	requireShares(t, shareWithin, map[*sharer]int{first: 2, second: 2})
	l.more(100)

	first.kill()
	requireShares(t, takeOverWithin, map[*sharer]int{second: 4})
	l.more(100)
	l.catchesUp()

	first.restart()
	requireShares(t, shareWithin, map[*sharer]int{first: 2, second: 2})
	third := c.sharer(t, "worker-3")
	fourth := c.sharer(t, "worker-4")
	requireShares(t, shareWithin, map[*sharer]int{first: 1, second: 1, third: 1, fourth: 1})
	l.more(100)

	second.stop()
	third.stop()
	requireShares(t, shareWithin, map[*sharer]int{first: 2, fourth: 2})
	l.more(100)
	l.finish()
}

// TestPartitionsOfALostBroker: they stay where they are, and go where they should when a worker ends while others may not yet
// be able to hear of it.
func TestPartitionsOfALostBroker(t *testing.T) {
	t.Parallel()
	broker := testenv.StartRabbit(t)
	c := startSplit(t, services(t, broker.URL(), storetest.PostgresURL(t)), nil)
	first := c.withSharer(t)
	second := c.sharer(t, "worker-2")
	l := c.load(t, talkers)
	l.more(100)
	require.NoError(t, broker.Kill())
	require.NoError(t, broker.Start())
	l.more(100)
	requireShares(t, takeOverWithin, map[*sharer]int{first: 2, second: 2})
	second.stop()
	requireShares(t, patience, map[*sharer]int{first: 4}) // the first one may not be connected yet
	l.more(100)
	l.finish()
}
