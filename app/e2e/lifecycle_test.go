package e2e

import (
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"parley/app/store/storetest"
	"parley/app/testenv"
)

// TestWrongUse: what the caller has done wrong is told all at once, and nothing is started.
func TestWrongUse(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "parley.yaml")
	require.NoError(t, os.WriteFile(file, []byte("htp: 1\nhttp:\n  addr: nonsense\nlog: {level: loud}\n"), 0o600))
	fine := filepath.Join(t.TempDir(), "fine.yaml")
	require.NoError(t, os.WriteFile(fine, []byte("bus: {url: memory://, prefx: parley}\n"), 0o600))
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("bus: [\n"), 0o600))
	const apart = "while bus.url is memory://, which no other process can reach"
	for _, c := range []struct {
		name string
		args string
		env  map[string]string
		want []string // parts of what is printed
	}{
		{"unknown command", "srve", nil, []string{`unknown command "srve"`}},
		{"unknown flag", "serve --nope", nil, []string{"unknown flag: --nope\n", "See 'parley serve --help'.\n"}},
		{"argument too many", "serve now", nil, []string{"takes no arguments"}},
		{"unknown key", "serve --config " + fine, nil, []string{"bus.prefx: unknown key; did you mean bus.prefix? (fine.yaml:1)\n"}},
		{"file that is no YAML", "serve --config " + broken, nil, []string{"broken.yaml"}},
		{"file that is not there", "serve --config " + fine + ".old", nil, []string{"cannot read the file: no such file or directory"}},
		{"unknown variable", "serve", map[string]string{"PARLEY_BUS_URI": "memory://"}, []string{"PARLEY_BUS_URI: unknown variable"}},
		{
			"everything at once", "serve --roles=api,king --config " + file,
			map[string]string{"PARLEY_NOPE": "1", "PARLEY_MESSAGE_PARTITIONS": "x", "PARLEY_SHUTDOWN_TIMEOUT": "0s"},
			[]string{
				"the configuration has 7 problems:\n", "  PARLEY_NOPE: unknown variable\n", "  htp: unknown key (parley.yaml:1)\n",
				"  http.addr: must be host:port", "(parley.yaml:3)\n", "  log.level: must be debug, info, warn or error", "(parley.yaml:4)\n",
				"  message.partitions: must be a whole number", "(PARLEY_MESSAGE_PARTITIONS)\n", `  roles: unknown role "king"`, "(--roles)\n",
				"  shutdown_timeout: ", "(PARLEY_SHUTDOWN_TIMEOUT)\n",
			},
		},
		{"a role alone in one process", "serve --roles=api", nil, []string{apart}},
		{"two roles alone in one process", "serve", map[string]string{"PARLEY_ROLES": "worker,socket"}, []string{apart}},
		{"no role", "serve --roles=", nil, []string{"roles: "}},
		{"RabbitMQ without a secret", "serve", map[string]string{"PARLEY_BUS_URL": "amqp://127.0.0.1"}, []string{"auth.jwt_secret: is required when bus.url is AMQP"}},
		{"a short secret", "serve", map[string]string{"PARLEY_AUTH_JWT_SECRET": "short"}, []string{"auth.jwt_secret: must have at least 32 bytes"}},
		{"a role alone on a file", "serve --roles=api", map[string]string{
			"PARLEY_BUS_URL": "amqp://127.0.0.1", "PARLEY_AUTH_JWT_SECRET": strings.Repeat("s", 32),
		}, []string{"database.url: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{"PARLEY_DATA_DIR": filepath.Join(t.TempDir(), "data")}
			maps.Copy(env, c.env)
			o := command(t, env, "", strings.Fields(c.args)...)
			require.Equal(t, 2, o.code, o.stderr)
			require.Empty(t, o.stdout)
			for _, part := range c.want {
				require.Contains(t, o.stderr, part)
			}
			require.NotContains(t, o.stderr, strings.Repeat("s", 32), "secrets are not shown")
			require.NoDirExists(t, env["PARLEY_DATA_DIR"], "nothing was begun")
		})
	}
}

// TestFailedStart: what keeps a server from starting is told with what to do about it.
func TestFailedStart(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	taken, nobody := listener.Addr().String(), freeAddr(t)
	embedded := func(t *testing.T) map[string]string { return base(t) }
	empty := func(t *testing.T) map[string]string { return services(t, testenv.AMQPURL(t), storetest.PostgresURL(t)) }
	migrated := func(t *testing.T) map[string]string {
		env := empty(t)
		parley(t, env, "", "migrate", "up")
		return env
	}
	for _, c := range []struct {
		name string
		env  func(t *testing.T) map[string]string
		more map[string]string
		want []string
	}{
		{"port in use", embedded, map[string]string{"PARLEY_HTTP_ADDR": taken}, []string{taken + ": another program uses this port", "http.addr"}},
		{"admin port in use", embedded, map[string]string{"PARLEY_ADMIN_ADDR": taken}, []string{taken + ": another program uses this port", "admin.addr"}},
		{"schema behind", empty, nil, []string{"schema is behind", "run `parley migrate up`"}},
		{"schema behind, for a worker", empty, map[string]string{"PARLEY_ROLES": "worker"}, []string{"run `parley migrate up`"}},
		{"no database", migrated, map[string]string{"PARLEY_DATABASE_URL": "postgres://someone:hunter2@" + nobody + "/parley?sslmode=disable"},
			[]string{"cannot reach PostgreSQL at " + nobody, "database.url"}},
		{"no broker", migrated, map[string]string{"PARLEY_BUS_URL": "amqp://someone:hunter2@" + nobody + "/"}, []string{"amqp://" + nobody, "connection refused"}},
		{"no broker, for a socket server", migrated, map[string]string{"PARLEY_BUS_URL": "amqp://someone:hunter2@" + nobody + "/", "PARLEY_ROLES": "socket"},
			[]string{"amqp://" + nobody, "connection refused"}},
		{"a file for a folder", embedded, map[string]string{"PARLEY_DATA_DIR": "/dev/null/data"}, []string{"/dev/null"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			env := c.env(t)
			env["PARLEY_HTTP_ADDR"] = "127.0.0.1:0"
			maps.Copy(env, c.more)
			o := command(t, env, "", "serve")
			require.Equal(t, 1, o.code, o.stderr)
			require.NotContains(t, o.stdout, "is ready")
			for _, part := range c.want {
				require.Contains(t, o.stderr, part)
			}
			require.NotContains(t, o.stderr, "hunter2")
			require.NotContains(t, o.stderr, "goroutine ", "no panic")
		})
	}
}

// TestPartitionsAreKept: a process that was started with another number of partitions would mix up the order of messages.
func TestPartitionsAreKept(t *testing.T) {
	t.Parallel()
	for _, s := range setups()[:2] {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			c := s.start(t, map[string]string{"PARLEY_MESSAGE_PARTITIONS": "4"})
			c.api.stop()
			env := maps.Clone(c.env)
			env["PARLEY_MESSAGE_PARTITIONS"], env["PARLEY_HTTP_ADDR"] = "8", "127.0.0.1:0"
			o := command(t, env, "", "serve")
			require.Equal(t, 1, o.code)
			require.Contains(t, o.stderr, "message.partitions is 8, but this deployment was set up with 4; start every process with message.partitions: 4")
			c.api.restart()
		})
	}
}

// TestMigratingAtTheSameTime: several processes bring one database up to date together, as the pods of a deployment do.
func TestMigratingAtTheSameTime(t *testing.T) {
	t.Parallel()
	env := base(t)
	env["PARLEY_DATABASE_URL"] = storetest.PostgresURL(t)
	const processes = 4
	outcomes := make([]outcome, processes)
	var wg errgroup.Group
	for i := range outcomes {
		wg.Go(func() (err error) {
			outcomes[i], err = runCommand(t.Context(), env, "", "migrate", "up")
			return err
		})
	}
	require.NoError(t, wg.Wait())
	applied := 0
	for _, o := range outcomes {
		require.Equal(t, 0, o.code, o.stderr)
		require.Empty(t, o.stderr)
		applied += strings.Count(o.stdout, "applied ")
	}
	status := parley(t, env, "", "migrate", "status")
	require.NotContains(t, status, "pending")
	require.Equal(t, strings.Count(status, ".sql"), applied, "each migration by one of them")
}

// TestServersThatMigrate: the same with servers that do it by themselves.
func TestServersThatMigrate(t *testing.T) {
	t.Parallel()
	env := services(t, testenv.AMQPURL(t), storetest.PostgresURL(t))
	env["PARLEY_DATABASE_AUTO_MIGRATE"] = "true"
	var all []*process
	for _, name := range []string{"first", "second", "third"} {
		all = append(all, launch(t, name, env))
	}
	for _, p := range all {
		p.ready()
	}
	c := &cluster{env: env, api: all[0], worker: all[0], sockets: all}
	b := c.bystanders(t)
	b.areServed()
}

// TestRestartKeepsEverything: an embedded server that comes back has its data, and the secret that it made: everybody is signed in still.
func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	c := startEmbedded(t, nil)
	b := c.bystanders(t)
	b.areServed()
	signedIn := c.login(t, "speaker", password)
	secret := c.secret(t)
	file, err := os.Stat(filepath.Join(c.env["PARLEY_DATA_DIR"], "jwt.secret"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), file.Mode())
	history := b.speaker.history(b.channel)

	c.api.stop()
	c.api.restart()
	require.Equal(t, secret, c.secret(t))
	require.Empty(t, c.me(t, signedIn.AccessToken))
	require.Empty(t, c.handshake(t, signedIn.AccessToken))
	c.refresh(t, signedIn.RefreshToken)
	c.login(t, "listener", password)
	require.Equal(t, history, b.speaker.history(b.channel))
	b.speaker.send(b.channel, "after", "and it goes on")
	b.listener.has(b.channel, 2)
	b.listener.check(b.channel)
}

// TestRolesServeWhatIsTheirs: each process of a split deployment answers for its health, and else for its own role alone.
func TestRolesServeWhatIsTheirs(t *testing.T) {
	t.Parallel()
	c := startSplit(t, services(t, testenv.AMQPURL(t), storetest.PostgresURL(t)), nil)
	const polling = "/socket.io/?EIO=4&transport=polling"
	for p, want := range map[*process]map[string]int{
		c.api:        {"/api/v1/me": http.StatusUnauthorized, polling: http.StatusNotFound},
		c.worker:     {"/api/v1/me": http.StatusNotFound, polling: http.StatusNotFound},
		c.sockets[0]: {"/api/v1/me": http.StatusNotFound, polling: http.StatusOK},
		c.sockets[1]: {"/api/v1/me": http.StatusNotFound, polling: http.StatusOK},
	} {
		want["/healthz"], want["/readyz"] = http.StatusOK, http.StatusOK
		for path, expected := range want {
			require.Equal(t, expected, status(p.url()+path), "%s %s", p.name, path)
		}
	}
}
