package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"testing"

	"parley/app/store/storetest"
	"parley/app/testenv"
)

// cluster is a deployment: one process, or several that play one role each.
type cluster struct {
	env     map[string]string // of commands
	api     *process
	worker  *process
	sockets []*process
	more    []*process // whatever a test has started besides
}

// setup is a way of deploying Parley. Every scenario runs in each of them.
type setup struct {
	name  string
	start func(t testing.TB, more map[string]string) *cluster
}

func setups() []setup {
	return []setup{
		{"embedded", startEmbedded},
		{"one process", func(t testing.TB, more map[string]string) *cluster {
			return startWhole(t, services(t, testenv.AMQPURL(t), storetest.PostgresURL(t)), more)
		}},
		{"split roles", func(t testing.TB, more map[string]string) *cluster {
			return startSplit(t, services(t, testenv.AMQPURL(t), storetest.PostgresURL(t)), more)
		}},
	}
}

// inEachSetup runs a scenario everywhere.
func inEachSetup(t *testing.T, scenario func(t *testing.T, c *cluster)) {
	t.Helper()
	for _, s := range setups() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			scenario(t, s.start(t, nil))
		})
	}
}

// base is the configuration that all tests share: hashing that costs nothing, and no limits for a load from one address.
func base(t testing.TB) map[string]string {
	t.Helper()
	return map[string]string{
		"PARLEY_DATA_DIR":               t.TempDir(),
		"PARLEY_AUTH_ARGON2_MEMORY_KIB": "64",
		"PARLEY_AUTH_ARGON2_TIME":       "1",
		"PARLEY_LIMITS_ENABLED":         "false",
		"PARLEY_LOG_FORMAT":             "text",
	}
}

// startEmbedded is `parley serve` with SQLite and the in-process bus.
func startEmbedded(t testing.TB, more map[string]string) *cluster {
	t.Helper()
	return startWhole(t, base(t), more)
}

// startDemo is `parley serve --demo`.
func startDemo(t testing.TB, more map[string]string) *cluster {
	t.Helper()
	env := base(t)
	maps.Copy(env, more)
	p := serve(t, "parley", env, "--demo")
	return &cluster{env: env, api: p, worker: p, sockets: []*process{p}}
}

// services configures RabbitMQ, with a prefix of its own, and PostgreSQL.
func services(t testing.TB, amqp, database string) map[string]string {
	t.Helper()
	env := base(t)
	maps.Copy(env, map[string]string{
		"PARLEY_BUS_URL":            amqp,
		"PARLEY_BUS_PREFIX":         "e2e-" + random(),
		"PARLEY_DATABASE_URL":       database,
		"PARLEY_AUTH_JWT_SECRET":    "a secret of the tests, long enough",
		"PARLEY_MESSAGE_PARTITIONS": "4",
	})
	return env
}

// startWhole is one process that plays every role.
func startWhole(t testing.TB, env, more map[string]string) *cluster {
	t.Helper()
	maps.Copy(env, more)
	if env["PARLEY_DATABASE_URL"] != "" {
		parley(t, env, "", "migrate", "up")
	}
	p := serve(t, "parley", env)
	return &cluster{env: env, api: p, worker: p, sockets: []*process{p}}
}

// startSplit is an api, a worker and two socket servers.
func startSplit(t testing.TB, env, more map[string]string) *cluster {
	t.Helper()
	maps.Copy(env, more)
	parley(t, env, "", "migrate", "up")
	as := func(role string) map[string]string {
		own := maps.Clone(env)
		own["PARLEY_ROLES"] = role
		if role == "socket" { // it has no use for a database, and must not need one
			delete(own, "PARLEY_DATABASE_URL")
			delete(own, "PARLEY_MESSAGE_PARTITIONS")
		}
		return own
	}
	return &cluster{
		env:    env,
		api:    serve(t, "api", as("api")),
		worker: serve(t, "worker", as("worker")),
		sockets: []*process{
			serve(t, "socket-1", as("socket")),
			serve(t, "socket-2", as("socket")),
		},
	}
}

// socket spreads clients over the socket servers.
func (c *cluster) socket(i int) string { return c.sockets[i%len(c.sockets)].url() }

func random() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
