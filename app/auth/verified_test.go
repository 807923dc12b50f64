package auth_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/auth"
)

// That a token was good is remembered; that it is still good is not.
func TestVerifiedTokensExpire(t *testing.T) {
	t.Parallel()
	now := noon
	tokens, err := auth.NewTokens(secret, time.Minute, func() time.Time { return now })
	require.NoError(t, err)
	token, expires, err := tokens.Issue(7, "f", 0)
	require.NoError(t, err)
	for range 3 {
		claims, err := tokens.Verify(token)
		require.NoError(t, err)
		require.Equal(t, auth.Claims{UserID: 7, Family: "f", ExpiresAt: expires}, claims)
	}
	_, err = tokens.Verify(respelled(token))
	require.ErrorIs(t, err, auth.ErrTokenInvalid)
	_, err = tokens.Verify(token[:len(token)-1])
	require.ErrorIs(t, err, auth.ErrTokenInvalid)
	now = expires.Add(-1)
	_, err = tokens.Verify(token)
	require.NoError(t, err)
	now = expires
	_, err = tokens.Verify(token)
	require.ErrorIs(t, err, auth.ErrTokenExpired)
}

// However many there are: each says what it says, also after others were remembered in its place.
func TestVerifiedTokensAreTheirOwn(t *testing.T) {
	t.Parallel()
	tokens := newTokens(t, noon)
	issued := make([]string, 20_000)
	for i := range issued {
		var err error
		issued[i], _, err = tokens.Issue(int64(i+1), fmt.Sprint("family of ", i+1), 0)
		require.NoError(t, err)
	}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := worker; i < len(issued)+100; i += 2 { // each by two of them, and the first ones once more
				n := i % len(issued)
				claims, err := tokens.Verify(strings.Clone(issued[n]))
				require.NoError(t, err)
				require.EqualValues(t, n+1, claims.UserID)
				require.Equal(t, fmt.Sprint("family of ", n+1), claims.Family)
			}
		})
	}
	all.Wait()
}

// BenchmarkVerify is what a request's token costs: at first, and then.
func BenchmarkVerify(b *testing.B) {
	for name, users := range map[string]int{"new": 1 << 16, "known": 64} {
		b.Run(name, func(b *testing.B) {
			tokens, err := auth.NewTokens(secret, time.Hour, nil)
			require.NoError(b, err)
			issued := make([]string, users)
			for i := range issued {
				issued[i], _, err = tokens.Issue(int64(i+1), "IPA3XHPXLYOKI2ULNGH4GHAXDA", 0)
				require.NoError(b, err)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := tokens.Verify(issued[i%users]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
