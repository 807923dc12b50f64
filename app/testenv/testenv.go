// Package testenv provides the PostgreSQL and RabbitMQ servers that tests need.
//
// Most tests share one server of each kind and isolate themselves in it; the
// command withservices provides that pair for as long as the tests run and
// passes its addresses on in TEST_POSTGRES_URL and TEST_AMQP_URL. Fault tests
// take a private server with StartPostgres or StartRabbit, to stop, kill and
// start it again as they like.
//
// A server is a container where a Docker engine answers, else an installed
// program run in a throwaway directory. TEST_SERVICES=docker or
// TEST_SERVICES=installed chooses. Whatever was started ends with the process
// that started it, even if that process is killed.
package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Environment variables with the addresses of servers that are already there.
const (
	PostgresVariable = "TEST_POSTGRES_URL"
	AMQPVariable     = "TEST_AMQP_URL"
)

// startTimeout bounds one start of a server, the download of its image included.
const startTimeout = 3 * time.Minute

// PostgresURL returns the address of the PostgreSQL server that tests share.
func PostgresURL(t testing.TB) string {
	t.Helper()
	return sharedURL(t, PostgresVariable, "PostgreSQL")
}

// AMQPURL returns the address of the RabbitMQ broker that tests share.
func AMQPURL(t testing.TB) string {
	t.Helper()
	return sharedURL(t, AMQPVariable, "RabbitMQ")
}

func sharedURL(t testing.TB, variable, what string) string {
	t.Helper()
	url := os.Getenv(variable)
	if url == "" {
		t.Fatalf("this test needs %s: run it with `go run ./app/testenv/cmd/withservices -- go test …` from the "+
			"repository's root, or set %s", what, variable)
	}
	return url
}

// StartPostgres starts a PostgreSQL server for this test alone, with data
// synced to disk as in production. It ends with the test, which fails if no
// server can be had.
func StartPostgres(t testing.TB) *Server {
	t.Helper()
	return startPrivate(t, postgres())
}

// StartRabbit starts a RabbitMQ broker for this test alone. It ends with the
// test, which fails if no broker can be had.
func StartRabbit(t testing.TB) *Server {
	t.Helper()
	return startPrivate(t, rabbit())
}

func startPrivate(t testing.TB, k kind) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s, err := newServer(ctx, k, durable)
	if err != nil {
		t.Fatalf("starting a private %s: %v", k.name, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last lines that %s logged:\n%s", k.name, s.logTail())
		}
		if err := s.discard(); err != nil {
			t.Errorf("removing the private %s: %v", k.name, err)
		}
	})
	return s
}

// durability says whether a server has to keep its data through a crash of the
// machine, or may be faster.
type durability bool

const (
	durable  durability = true
	volatile durability = false
)

// kind is a program that servers can be made of.
type kind struct {
	name     string // as people call it
	pkg      string // Debian's package
	variable string // environment variable with the address of a shared one
	// installed makes a server of the installed program, in the given directory. The attempt counts from 0.
	installed func(ctx context.Context, dir string, d durability, attempt int) (spec, error)
	// container makes a server of a Docker image.
	container func(d durability) (spec, error)
	// find returns an error that names what is missing if the program is not installed.
	find func() error
}

// source returns where servers come from: "docker" or "installed".
func source(ctx context.Context) (string, error) {
	switch chosen := os.Getenv("TEST_SERVICES"); chosen {
	case "docker", "installed":
		return chosen, nil
	case "":
		if dockerAnswers(ctx) {
			return "docker", nil
		}
		return "installed", nil
	default:
		return "", fmt.Errorf("TEST_SERVICES is %q: it must be docker or installed", chosen)
	}
}

// newServer starts a server. A port that was free a moment ago may be taken
// when the server gets there, so it is tried more than once.
func newServer(ctx context.Context, k kind, d durability) (*Server, error) {
	from, err := source(ctx)
	if err != nil {
		return nil, err
	}
	const attempts = 3
	for attempt := range attempts {
		var s *Server
		if s, err = tryServer(ctx, k, d, from, attempt); err == nil {
			return s, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

func tryServer(ctx context.Context, k kind, d durability, from string, attempt int) (*Server, error) {
	dir, err := newScratch()
	if err != nil {
		return nil, err
	}
	var sp spec
	if from == "docker" {
		sp, err = k.container(d)
	} else {
		sp, err = k.installed(ctx, dir.path, d, attempt)
	}
	if err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	s := &Server{spec: sp, dir: dir}
	if err := s.start(ctx, false); err != nil {
		err = fmt.Errorf("%w\n%s", err, strings.TrimSpace(s.logTail()))
		_ = s.discard() // it is gone or going already; why it did not start is what matters
		return nil, err
	}
	return s, nil
}
