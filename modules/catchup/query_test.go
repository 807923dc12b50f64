package catchup

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/app/problem"
)

func TestRequestsAreRead(t *testing.T) {
	t.Parallel()
	q, err := read(Request{
		Channels: map[string]int64{"7": 40, "9": 0},
		Changes:  map[string]string{"7": "38-5"},
		Direct:   map[string]int64{"3": 2},
		Since:    token(map[int64]int64{5: 6}),
		More:     true,
	})
	require.NoError(t, err)
	require.Equal(t, query{
		channels: map[int64]from{7: {40, position{38, 5}}, 9: {}},
		chats:    map[int64]int64{3: 2},
		known:    map[int64]int64{5: 6},
		more:     true,
	}, q)
}

func TestWrongRequests(t *testing.T) {
	t.Parallel()
	many := make(map[string]int64)
	for i := range MaxChannels + 1 {
		many[fmt.Sprint(i+1)] = 0
	}
	for field, r := range map[string]Request{
		"channels":                       {Channels: many},
		"direct":                         {Direct: many},
		"channels.x":                     {Channels: map[string]int64{"x": 1}},
		"channels.0":                     {Channels: map[string]int64{"0": 1}},
		"channels.01":                    {Channels: map[string]int64{"01": 1}},
		"channels.-1":                    {Channels: map[string]int64{"-1": 1}},
		"channels.1":                     {Channels: map[string]int64{"1": -1}},
		"channels.aaaaaaaaaaaaaaaaaaaa…": {Channels: map[string]int64{strings.Repeat("a", 999): 1}},
		"direct.1":                       {Direct: map[string]int64{"1": 1 << 60}},
		"changes.2":                      {Channels: map[string]int64{"1": 1}, Changes: map[string]string{"2": "1-1"}},
		"changes.1":                      {Channels: map[string]int64{"1": 1}, Changes: map[string]string{"1": "1-1-1"}},
		"since":                          {Since: "!"},
	} {
		_, err := read(r)
		var p *problem.Problem
		require.ErrorAs(t, err, &p, field)
		require.Equal(t, "validation_failed", p.Code)
		require.Equal(t, field, p.Fields[0].Field)
	}
	for _, since := range []string{"AYA", "AQE", "AYCAgICAgICAgICAAQE"} {
		_, err := readToken(since)
		require.Error(t, err, since)
	}
	versions, err := readToken("CQE")
	require.NoError(t, err, "of another version of the program")
	require.Empty(t, versions)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.Int64Range(1, 1<<53-1)
		versions := rapid.MapOf(ids, rapid.Int64Range(0, 1<<53-1)).Draw(t, "versions")
		back, err := readToken(token(versions))
		require.NoError(t, err)
		require.Equal(t, versions, back)
		p := position{ids.Draw(t, "seq"), ids.Draw(t, "id")}
		same, ok := readPosition(p.String())
		require.True(t, ok)
		require.Equal(t, p, same)
	})
}

func TestShares(t *testing.T) {
	t.Parallel()
	require.Equal(t, []int64{2, 4, 4}, share([]int64{2, 9, 9}, 5, 10))
	require.Equal(t, []int64{5, 5, 0}, share([]int64{9, 7, 0}, 5, 100))
	require.Empty(t, share(nil, 5, 10))
	rapid.Check(t, func(t *rapid.T) {
		wanted := rapid.SliceOfN(rapid.Int64Range(0, 500), 0, MaxChannels).Draw(t, "wanted")
		parts := share(wanted, MaxEach, MaxMessages)
		var sum, all, least int64
		least = MaxEach
		for i, n := range parts {
			require.LessOrEqual(t, n, min(wanted[i], MaxEach))
			sum, all = sum+n, all+min(wanted[i], MaxEach)
			if n < min(wanted[i], MaxEach) {
				least = min(least, n)
			}
		}
		require.Equal(t, min(all, MaxMessages), sum, "nothing is left over that somebody wants")
		for _, n := range parts {
			require.LessOrEqual(t, n, least+1, "nobody gets more while another one gets less than it wants")
		}
	})
}
