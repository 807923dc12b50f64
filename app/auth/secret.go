package auth

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Secret returns the key kept in the file at path, and makes one the first time. Only the file's owner may read it.
func Secret(path string) ([]byte, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator's own configuration
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeSecret(path); err != nil {
			return nil, err
		}
		data, err = os.ReadFile(path) //nolint:gosec // as above
	}
	if err != nil {
		return nil, fmt.Errorf("read the secret: %w", err)
	}
	secret := strings.TrimSpace(string(data))
	if len(secret) < minSecret {
		return nil, fmt.Errorf("%s holds less than %d bytes; delete it to have a new one made, which signs everybody out", path, minSecret)
	}
	return []byte(secret), nil
}

// makeSecret puts a new secret at path, whole or not at all, unless another process is faster.
func makeSecret(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make a place for the secret: %w", err)
	}
	random := make([]byte, minSecret)
	_, _ = rand.Read(random) // never fails: crypto/rand
	tmp, err := os.CreateTemp(filepath.Dir(path), ".jwt.secret-*")
	if err != nil {
		return fmt.Errorf("write the secret: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.WriteString(hex.EncodeToString(random) + "\n") // CreateTemp has made it 0600
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("write the secret: %w", err)
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write the secret: %w", err)
	}
	return nil
}
