package testenv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// fetching bounds fetching modules and, if need be, installing Node.js.
const fetching = 10 * time.Minute

// NodeModules returns the folder with the modules in the versions that the package-lock.json of a folder names. It is made once, with npm,
// and kept in the user's cache. The error says what to install if Node.js is missing, or older than the folder's package.json asks for.
func NodeModules(ctx context.Context, folder string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fetching)
	defer cancel()
	if err := needNode(ctx, folder); err != nil {
		return "", err
	}
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(lock)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	kept := filepath.Join(cache, "parley-e2e", hex.EncodeToString(sum[:8]))
	modules := filepath.Join(kept, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules, nil
	}
	return modules, fetchModules(ctx, folder, kept)
}

// needNode makes sure that there is npm, and Node.js in the version that a folder's package.json asks for, as in ">=20.19".
func needNode(ctx context.Context, folder string) error {
	data, err := os.ReadFile(filepath.Join(folder, "package.json"))
	if err != nil {
		return err
	}
	var wanted struct {
		Name    string
		Engines struct{ Node string }
	}
	if err := json.Unmarshal(data, &wanted); err != nil {
		return fmt.Errorf("read the package.json of %s: %w", folder, err)
	}
	least, found := strings.CutPrefix(wanted.Engines.Node, ">=")
	if !found || !semver.IsValid("v"+least) {
		return fmt.Errorf("the package.json of %s must say which Node.js it needs, such as >=20.19, not %q", folder, wanted.Engines.Node)
	}
	need := fmt.Sprintf("%s needs Node.js %s or newer and npm", wanted.Name, least)
	if err := NeedPrograms(ctx, map[string]string{"node": "nodejs", "npm": "npm"}); err != nil {
		return fmt.Errorf("%s: %w", need, err)
	}
	out, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return fmt.Errorf("node --version: %w", err)
	}
	if version := strings.TrimSpace(string(out)); semver.Compare(version, "v"+least) < 0 {
		return fmt.Errorf("%s; this is %s", need, version)
	}
	return nil
}

// NeedPrograms installs the packages of the programs that are missing; it is given Debian's packages by the names of the programs.
func NeedPrograms(ctx context.Context, packages map[string]string) error {
	var missing []string
	for program, name := range packages {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return installOrSay(ctx, missing...)
}

// installOrSay installs packages; its error says how to do so by hand.
func installOrSay(ctx context.Context, packages ...string) error {
	if err := Install(ctx, os.Stderr, packages...); err != nil {
		return fmt.Errorf("install %s (on Debian and Ubuntu `sudo apt-get install %[1]s`): %w", strings.Join(packages, " "), err)
	}
	return nil
}

// fetchModules puts a folder's modules into another one, whole or not at all.
func fetchModules(ctx context.Context, folder, kept string) error {
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(kept), "fetching-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(work, name), data, 0o600); err != nil {
			return err
		}
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = work
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	if err := os.Rename(work, kept); err != nil {
		if _, there := os.Stat(kept); there != nil { // nobody else was faster
			return err
		}
	}
	return nil
}
