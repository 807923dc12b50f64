package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/socket/sockettest"
)

// deleteAccount deletes somebody's own account.
func (p *person) deleteAccount() answer {
	p.t.Helper()
	a, err := p.request(p.t.Context(), http.MethodDelete, "/me", []byte(`{"password":"`+password+`"}`))
	require.NoError(p.t, err)
	return a
}

// TestDeletedAccount: whoever has left every group can go for good; what was said stays.
func TestDeletedAccount(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		ann, ben := c.person(t, "ann"), c.person(t, "ben")
		g := ann.group("ops", ben)
		ben.send(g.Channels[0], "h1", "I was here")
		conn, err := sockettest.Dial(t.Context(), c.socket(0), sockettest.Options{Token: ben.token})
		require.NoError(t, err)
		t.Cleanup(conn.Close)

		require.Equal(t, "still_member", ben.deleteAccount().code())
		require.Empty(t, c.me(t, ben.token))
		ben.remove(g, ben)
		require.Equal(t, http.StatusNoContent, ben.deleteAccount().status)
		select {
		case <-conn.Done():
		case <-t.Context().Done():
			t.Fatal("the connection stays open")
		}
		require.Equal(t, "user_disabled", c.me(t, ben.token))
		require.Equal(t, "user_disabled", c.handshake(t, ben.token))
		messages := ann.history(g.Channels[0])
		require.Len(t, messages, 1)
		require.Equal(t, ben.id, messages[0].SenderID)
		ann.refused(http.MethodPost, fmt.Sprintf("/groups/%d/members", g.ID), map[string]int64{"userId": ben.id}, http.StatusBadRequest, "validation_failed")

		// Going and being fetched at the same time: one of the two fails.
		for i := range 10 {
			p := c.person(t, fmt.Sprintf("p-%d", i))
			added := make(chan int, 1)
			go func() {
				body, _ := json.Marshal(map[string]int64{"userId": p.id})
				a, err := ann.request(t.Context(), http.MethodPost, fmt.Sprintf("/groups/%d/members", g.ID), body)
				if err != nil {
					a.status = 0
				}
				added <- a.status
			}()
			gone := p.deleteAccount()
			switch status := <-added; status {
			case http.StatusCreated:
				require.Equal(t, "still_member", gone.code())
				require.Empty(t, c.me(t, p.token))
			case http.StatusBadRequest:
				require.Equal(t, http.StatusNoContent, gone.status)
				require.Equal(t, "token_invalid", c.me(t, p.token))
			default:
				t.Fatalf("adding was answered with %d", status)
			}
		}
	})
}
