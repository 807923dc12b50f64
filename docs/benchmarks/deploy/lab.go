package deploy

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
)

// Lab is where deployments are set up: the servers that they share, the executable under test, and a throwaway directory.
type Lab struct {
	Postgres string // URL of the server
	AMQP     string
	Parley   string // path of the executable
	Root     string // of the repository
	Cache    string // of what peers install
	dir      string
}

// NewLab builds parley from the sources in root.
func NewLab(ctx context.Context, root, cache string) (*Lab, error) {
	l := &Lab{Postgres: os.Getenv("TEST_POSTGRES_URL"), AMQP: os.Getenv("TEST_AMQP_URL"), Root: root, Cache: cache}
	if l.Postgres == "" || l.AMQP == "" {
		return nil, errors.New("TEST_POSTGRES_URL and TEST_AMQP_URL are not set: run this beside PostgreSQL and RabbitMQ with " +
			"`go run ./app/testenv/cmd/withservices -- …` from the root of the repository")
	}
	var err error
	if l.dir, err = os.MkdirTemp("", "parley-benchmarks-"); err != nil {
		return nil, err
	}
	l.Parley = l.file("parley")
	build := exec.CommandContext(ctx, "go", "build", "-C", root, "-trimpath", "-ldflags", "-s -w", "-o", l.Parley, ".") //nolint:gosec // no input from outside
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("building parley: %w\n%s", err, out), l.Close())
	}
	return l, nil
}

// Close removes the throwaway directory.
func (l *Lab) Close() error { return os.RemoveAll(l.dir) }

// Random is a name that nothing else has.
func Random(prefix string) string {
	b := make([]byte, 5)
	_, _ = rand.Read(b) // never fails
	return prefix + hex.EncodeToString(b)
}

// Database creates a database and returns its URL and what drops it.
func (l *Lab) Database(ctx context.Context) (dbURL string, drop func(), err error) {
	name := Random("bench_")
	if err := Execute(ctx, l.Postgres, "CREATE DATABASE "+name); err != nil {
		return "", nil, err
	}
	return l.Named(ctx, name)
}

// Named returns the URL of a database that somebody else creates, and what drops it.
func (l *Lab) Named(ctx context.Context, name string) (dbURL string, drop func(), err error) {
	u, err := url.Parse(l.Postgres)
	if err != nil {
		return "", nil, err
	}
	u.Path = "/" + name
	return u.String(), func() {
		_ = Execute(context.WithoutCancel(ctx), l.Postgres, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") // the server is a throwaway
	}, nil
}

// Execute runs statements on a database.
func Execute(ctx context.Context, dbURL, statements string) error {
	conn, err := pgx.Connect(ctx, dbURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is left to lose
	_, err = conn.Exec(ctx, statements)
	return err
}

// Count runs a query with one number for an answer.
func Count(ctx context.Context, dbURL, query string) (n int64, err error) {
	conn, err := pgx.Connect(ctx, dbURL)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is left to lose
	err = conn.QueryRow(ctx, query).Scan(&n)
	return n, err
}

// Sweep deletes the broker objects of a prefix: durable queues, which would cost the broker time for nothing, and exchanges.
func (l *Lab) Sweep(prefix string, partitions int) {
	conn, err := amqp.Dial(l.AMQP)
	if err != nil {
		return // the broker is a throwaway
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		return
	}
	queues := []string{"subscription", "dead"}
	for p := range partitions {
		queues = append(queues, fmt.Sprintf("message.%d", p))
	}
	for _, q := range queues {
		_, _ = ch.QueueDelete(prefix+"."+q, false, false, false) // deleting what does not exist is no error
	}
	for _, x := range []string{"incoming", "outgoing", "dead"} {
		_ = ch.ExchangeDelete(prefix+"."+x, false, false)
	}
}

// cleanEnv is the environment without any configuration of Parley.
func cleanEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PARLEY_") {
			env = append(env, v)
		}
	}
	return env
}

// PostgresVersion asks the server for its version.
func (l *Lab) PostgresVersion(ctx context.Context) (version string, err error) {
	conn, err := pgx.Connect(ctx, l.Postgres)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is left to lose
	err = conn.QueryRow(ctx, "SHOW server_version").Scan(&version)
	return version, err
}

// RabbitVersion asks the broker for its version.
func (l *Lab) RabbitVersion() (string, error) {
	conn, err := amqp.Dial(l.AMQP)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	version, _ := conn.Properties["version"].(string)
	return version, nil
}
