package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	gormpg "gorm.io/driver/postgres"
	"gorm.io/gorm"
)

const (
	postgresConns          = 16
	postgresConnectTimeout = 5 * time.Second
	// Connections are renewed now and then, so that a fail-over or a new replica behind one address is noticed.
	postgresConnLife = 30 * time.Minute
	postgresConnIdle = 5 * time.Minute
)

// postgres reaches a PostgreSQL server with pgx. Its connections prepare statements on first use and keep them (pgx's
// default), which is why gorm's own cache stays off; behind a pooler that cannot have that,
// ?default_query_exec_mode=exec in the URL turns it off.
type postgres struct {
	config   *pgx.ConnConfig
	maxConns int
}

func newPostgres(url string, maxConns int) (*postgres, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database.url: %w", err) // pgx masks the password in it
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = postgresConnectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "parley"
	}
	if maxConns <= 0 {
		maxConns = postgresConns
	}
	return &postgres{config: config, maxConns: maxConns}, nil
}

func (p *postgres) dialect() Dialect { return Postgres }

func (p *postgres) address() string {
	if strings.HasPrefix(p.config.Host, "/") {
		return p.config.Host // a directory with the server's socket
	}
	return net.JoinHostPort(p.config.Host, strconv.Itoa(int(p.config.Port)))
}

func (p *postgres) where() string {
	return fmt.Sprintf("PostgreSQL at %s, database %s", p.address(), p.config.Database)
}

func (p *postgres) gorm(pool gorm.ConnPool) gorm.Dialector {
	return gormpg.New(gormpg.Config{Conn: pool})
}

func (p *postgres) open(ctx context.Context) (reader, writer *sql.DB, err error) {
	pool := stdlib.OpenDB(*p.config)
	pool.SetMaxOpenConns(p.maxConns)
	pool.SetMaxIdleConns(p.maxConns)
	pool.SetConnMaxLifetime(postgresConnLife)
	pool.SetConnMaxIdleTime(postgresConnIdle)
	if err := pool.PingContext(ctx); err != nil {
		return nil, nil, errors.Join(p.explain(err), pool.Close())
	}
	return pool, pool, nil
}

// explain says what to do about a connection that could not be made.
func (p *postgres) explain(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return fmt.Errorf("cannot reach PostgreSQL at %s; check that it is running, and host and port in database.url: %w",
			p.address(), Map(err))
	}
	switch pg.Code {
	case "28P01", "28000": // invalid_password, invalid_authorization_specification
		return fmt.Errorf("PostgreSQL at %s does not let user %q in; check user and password in database.url: %w",
			p.address(), p.config.User, err)
	case "3D000": // invalid_catalog_name
		return fmt.Errorf("PostgreSQL at %s has no database %q; create it (createdb %s) or correct database.url: %w",
			p.address(), p.config.Database, p.config.Database, err)
	case "53300": // too_many_connections
		return fmt.Errorf("PostgreSQL at %s has no connection left; raise its max_connections or stop other clients: %w",
			p.address(), Map(err))
	case "57P03": // cannot_connect_now
		return fmt.Errorf("PostgreSQL at %s is starting up or shutting down; try again: %w", p.address(), Map(err))
	}
	return fmt.Errorf("connect to PostgreSQL at %s: %w", p.address(), Map(err))
}
