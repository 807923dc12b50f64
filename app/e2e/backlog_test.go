package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/store/storetest"
	"parley/app/testenv"
)

// TestWorkersFallBehind: when too many accepted messages wait, further ones are refused, and accepted again once the worker has caught up.
// What was accepted arrives once and in order.
func TestWorkersFallBehind(t *testing.T) {
	t.Parallel()
	const (
		limit  = 50
		inHand = 256 // a worker may hold so many more
	)
	c := startSplit(t, services(t, testenv.AMQPURL(t), storetest.PostgresURL(t)),
		map[string]string{"PARLEY_MESSAGE_MAX_BACKLOG": strconv.Itoa(limit)})
	p, book := c.person(t, "sender"), newLedger()
	ch := p.group("friends").Channels[0]
	d := p.device(0, ch)
	send := func(hash string) answer {
		body, err := json.Marshal(map[string]string{"content": hash, "hash": hash})
		require.NoError(t, err)
		a, err := p.request(t.Context(), http.MethodPost, messagesPath(ch), body)
		require.NoError(t, err)
		return a
	}
	refuse := func(a answer) {
		require.Equal(t, http.StatusServiceUnavailable, a.status, "%s", a.body)
		require.Equal(t, "overloaded", a.code())
		require.Equal(t, "3", a.header.Get("Retry-After"))
	}

	for round := range 2 {
		require.NoError(t, c.worker.cmd.Process.Signal(syscall.SIGSTOP))
		accepted := 0
		for ; ; accepted++ {
			hash := fmt.Sprintf("%d_%d", round, accepted)
			a := send(hash)
			if a.status != http.StatusAccepted {
				refuse(a)
				break
			}
			book.note(ch, hash)
			require.LessOrEqual(t, accepted, inHand+2*limit, "there is no limit")
		}
		require.Greater(t, accepted, limit/2)
		refused := fmt.Sprintf("%d_%d", round, accepted)
		for range 5 {
			refuse(send(refused))
		}
		require.Equal(t, http.StatusOK, status(c.api.url()+"/readyz"), "another API process could not do any better")
		require.NoError(t, c.worker.cmd.Process.Signal(syscall.SIGCONT))
		require.NoError(t, p.insist(t.Context(), ch, refused, refused))
		book.note(ch, refused)
		t.Logf("%d messages were accepted before one was refused", accepted)
	}
	book.check(p, ch)
	d.check(ch)
}
