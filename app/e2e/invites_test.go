package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/event"
)

// TestInvitesAndBans: somebody joins with a code and hears at once what is said; once banned, nothing any more, and the code is of no use.
func TestInvitesAndBans(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		ann, ben := c.person(t, "ann"), c.person(t, "ben")
		g := ann.group("friends")
		general := g.Channels[0]
		device := ben.device(1, general)
		var invite struct {
			Code string `json:"code"`
		}
		ann.do(http.MethodPost, fmt.Sprintf("/groups/%d/invites", g.ID), map[string]int{"maxUses": 5}, http.StatusCreated, &invite)
		ben.do(http.MethodGet, "/invites/"+invite.Code, nil, http.StatusOK, nil)
		var joined group
		ben.do(http.MethodPost, "/invites/"+invite.Code+"/accept", nil, http.StatusOK, &joined)
		require.Equal(t, g.ID, joined.ID)
		device.await(func() bool { return summary(device.events)[event.JoinedGroup] == 1 }, event.JoinedGroup)
		ann.send(general, "welcome", "Welcome!")
		device.has(general, 1)

		var ban struct {
			Reason string `json:"reason"`
		}
		ann.do(http.MethodPost, fmt.Sprintf("/groups/%d/bans", g.ID), map[string]any{"userId": ben.id, "reason": "spam"}, http.StatusCreated, &ban)
		require.Equal(t, "spam", ban.Reason)
		ann.send(general, "after", "Is he gone?")
		a, err := ben.request(t.Context(), http.MethodPost, "/invites/"+invite.Code+"/accept", nil)
		require.NoError(t, err)
		require.Equal(t, "banned", a.code())
		// An event of a new group comes after anything that could still have come of the old one.
		private := ben.group("alone")
		device.await(func() bool { return summary(device.events)[event.JoinedGroup] == 2 }, event.JoinedGroup)
		require.Equal(t, 1, device.heard(event.LeftGroup))
		require.Equal(t, []string{"Welcome!"}, device.received())
		require.NotZero(t, private.ID)

		ann.do(http.MethodDelete, fmt.Sprintf("/groups/%d/bans/%d", g.ID, ben.id), nil, http.StatusNoContent, nil)
		ben.do(http.MethodPost, "/invites/"+invite.Code+"/accept", nil, http.StatusOK, nil)
	})
}
