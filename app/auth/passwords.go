package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

const (
	saltLength = 16 // bytes
	keyLength  = 32 // bytes
	threads    = 1  // a server hashes for many at once; one password gains nothing from several

	// maxMemoryKiB and maxTime bound what a hash may ask for: more is a damaged one.
	maxMemoryKiB = 4 << 20
	maxTime      = 1000
)

// errHash is a stored hash that is not one of ours.
var errHash = errors.New("not an argon2id hash in PHC form")

// Passwords hashes with argon2id. Hashing takes much memory on purpose, so only so many run at once; others wait.
type Passwords struct {
	memoryKiB, time uint32
	running         chan struct{}
	decoy           string // a hash that no password has
}

// NewPasswords returns Passwords of the given cost (RFC 9106: memory in KiB and passes over it, at least 8 and 1), of which at most
// concurrency are hashed at once.
func NewPasswords(memoryKiB, time uint32, concurrency int) *Passwords {
	memoryKiB, time = max(memoryKiB, 8), max(time, 1)
	p := &Passwords{memoryKiB: memoryKiB, time: time, running: make(chan struct{}, max(1, concurrency))}
	p.decoy = phc(memoryKiB, time, make([]byte, saltLength), make([]byte, keyLength))
	return p
}

// Hash returns the password's hash with its salt and cost, in PHC form. It fails only if ctx ends first.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // never fails: crypto/rand
	key, err := p.derive(ctx, password, salt, p.memoryKiB, p.time, keyLength)
	if err != nil {
		return "", err
	}
	return phc(p.memoryKiB, p.time, salt, key), nil
}

// Verify reports whether the hash is the password's, at the cost that the hash was made with.
func (p *Passwords) Verify(ctx context.Context, hash, password string) (bool, error) {
	memoryKiB, time, salt, want, err := parsePHC(hash)
	if err != nil {
		return false, err
	}
	got, err := p.derive(ctx, password, salt, memoryKiB, time, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// VerifyNone takes as long as Verify: for a user who does not exist, so that nobody can tell.
func (p *Passwords) VerifyNone(ctx context.Context, password string) error {
	_, err := p.Verify(ctx, p.decoy, password)
	return err
}

func (p *Passwords) derive(ctx context.Context, password string, salt []byte, memoryKiB, time, length uint32) ([]byte, error) {
	select {
	case p.running <- struct{}{}:
		defer func() { <-p.running }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a turn at hashing: %w", ctx.Err())
	}
	if err := ctx.Err(); err != nil { // select takes either when both are ready
		return nil, fmt.Errorf("wait for a turn at hashing: %w", err)
	}
	return argon2.IDKey([]byte(password), salt, time, memoryKiB, threads, length), nil
}

// phc writes a hash in the form of https://github.com/P-H-C/phc-string-format.
func phc(memoryKiB, time uint32, salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, time, threads,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

func parsePHC(hash string) (memoryKiB, time uint32, salt, key []byte, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return 0, 0, nil, nil, errHash
	}
	var lanes int
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memoryKiB, &time, &lanes); err != nil || n != 3 || lanes != threads ||
		memoryKiB == 0 || memoryKiB > maxMemoryKiB || time == 0 || time > maxTime {
		return 0, 0, nil, nil, errHash
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return 0, 0, nil, nil, errHash
	}
	if key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(key) != keyLength {
		return 0, 0, nil, nil, errHash
	}
	return memoryKiB, time, salt, key, nil
}
