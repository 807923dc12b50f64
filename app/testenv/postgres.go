package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

func postgres() kind {
	return kind{
		name:      "PostgreSQL",
		pkg:       "postgresql",
		variable:  PostgresVariable,
		installed: installedPostgres,
		container: postgresContainer,
		find: func() error {
			_, err := findPostgres()
			return err
		},
	}
}

// postgresPlaces are where packages put the server's programs, besides PATH.
func postgresPlaces() []string {
	return []string{
		"/usr/lib/postgresql/*/bin", // Debian
		"/usr/pgsql-*/bin",          // Red Hat
		"/usr/local/bin",
		"/usr/local/pgsql/bin",
		"/opt/homebrew/opt/postgresql*/bin",
		"/usr/local/opt/postgresql*/bin",
	}
}

// findPostgres returns the directory with initdb and postgres, of the newest version where there are several.
func findPostgres() (string, error) {
	places := filepath.SplitList(os.Getenv("PATH"))
	for _, place := range postgresPlaces() {
		found, err := filepath.Glob(place)
		if err != nil {
			return "", fmt.Errorf("looking for PostgreSQL in %s: %w", place, err)
		}
		slices.SortFunc(found, func(a, b string) int { return versionIn(b) - versionIn(a) })
		places = append(places, found...)
	}
	for _, dir := range places {
		if isProgram(filepath.Join(dir, "initdb")) && isProgram(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", errMissing(postgres())
}

// versionIn returns the first number in a path: 15 for /usr/lib/postgresql/15/bin.
func versionIn(path string) int {
	digits := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, err := strconv.Atoi(digits[0])
	if err != nil {
		return 0
	}
	return n
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func installedPostgres(ctx context.Context, dir string, d durability, _ int) (spec, error) {
	bin, err := findPostgres()
	if err != nil {
		return spec{}, err
	}
	account, err := postgresAccount()
	if err != nil {
		return spec{}, err
	}
	port, err := FreePort()
	if err != nil {
		return spec{}, err
	}
	data := filepath.Join(dir, "postgres")
	if err := os.Mkdir(data, 0o700); err != nil {
		return spec{}, err
	}
	if account != nil {
		if err := os.Chown(data, int(account.Uid), int(account.Gid)); err != nil {
			return spec{}, err
		}
	}
	command := func(ctx context.Context, program string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, filepath.Join(bin, program), args...)
		cmd.Dir = data
		cmd.Env = environmentWithout("PG", "LC_", "LANG")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
		return cmd
	}
	initdb := command(ctx, "initdb", "--pgdata", data, "--username=postgres", "--auth=trust", "--encoding=UTF8",
		"--locale=C.UTF-8", "--no-sync", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return spec{}, fmt.Errorf("creating a database cluster: %w\n%s", err, out)
	}
	return postgresSpec(port, spec{
		orphan: syscall.SIGQUIT, // ends without a checkpoint, but not without its children
		command: func() *exec.Cmd {
			args := []string{"-D", data, "-p", strconv.Itoa(port), "-k", "", "-h", "127.0.0.1"}
			return command(context.Background(), "postgres", append(args, postgresSettings(d)...)...)
		},
	}), nil
}

// postgresSpec fills in what an installed server and a container have in common.
func postgresSpec(port int, s spec) spec {
	s.name = postgres().name
	s.url = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	s.stop = syscall.SIGINT // does not wait for clients to leave
	s.ready = func(ctx context.Context) error {
		conn, err := pgconn.Connect(ctx, s.url)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}
	return s
}

// postgresSettings makes room for many tests at once and, for servers whose
// data may be lost, leaves out what a crash of the machine is survived by.
func postgresSettings(d durability) []string {
	settings := []string{"-c", "max_connections=300", "-c", "log_min_messages=warning"}
	if d == volatile {
		settings = append(settings, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	return settings
}

// postgresAccount returns the account to run the server as: nil for the
// current one, which will do unless it is root, as whom PostgreSQL refuses to run.
func postgresAccount() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var missing []error
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		uid, errUID := strconv.ParseUint(account.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(account.Gid, 10, 32)
		if err := errors.Join(errUID, errGID); err != nil {
			missing = append(missing, err)
			continue
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no other account to run it as: %w", errors.Join(missing...))
}

// environmentWithout returns the environment less the variables with one of the
// prefixes, so that a server does not pick up someone's settings for another.
func environmentWithout(prefixes ...string) []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(entry, p) })
	})
}
