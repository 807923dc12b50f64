package auth

import (
	"strings"
	"sync"
)

// verifiedTokens is how many tokens are remembered at least, if so many are in use; at most twice as many are. One takes
// about 400 bytes.
const verifiedTokens = 8192

// verified remembers tokens that were found good: checking a signature and reading the claims takes longer than
// all the rest of many a request. What was used least recently is forgotten. It knows nothing of a token's
// expiry, and nothing of its user.
type verified struct {
	mu      sync.Mutex
	current map[string]Claims
	old     map[string]Claims // what was current before it was full
}

// get returns what a token says, if that is remembered.
func (v *verified) get(token string) (Claims, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	claims, ok := v.current[token]
	if ok {
		return claims, true
	}
	if claims, ok = v.old[token]; ok {
		v.keep(token, claims)
	}
	return claims, ok
}

// put remembers a good token.
func (v *verified) put(token string, claims Claims) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keep(strings.Clone(token), claims) // not what it may be a part of
}

func (v *verified) keep(token string, claims Claims) {
	if v.current == nil || len(v.current) >= verifiedTokens {
		v.old, v.current = v.current, make(map[string]Claims)
	}
	v.current[token] = claims
}
