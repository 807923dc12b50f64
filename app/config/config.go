// Package config is the configuration of a process: its keys with their
// defaults and meanings, where values come from, and what is allowed.
//
// A key is added by adding a field to Config. Its tags say everything else:
//
//	key      its name; that of a struct is the prefix of its fields
//	default  its value when nothing gives another
//	shown    how the documentation writes the default, if not as it is
//	doc      what it means
//	check    a rule of checks.go that its value must follow
//	min, max bounds, in the form of the value
//	secret   "true" if its value must not be shown
package config

//go:generate go test -run TestPrint|TestExample|TestDocumentation -update .

import (
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"parley/app/registry"
)

// Config is everything that can be configured. Load makes one; Default is one that nothing has changed.
type Config struct {
	Roles []registry.Role `key:"roles" default:"api,worker,socket" doc:"Roles of this process. Fewer than all three need a bus and a database that the other processes reach, too."`

	HTTP struct {
		Addr           string         `key:"addr" default:"127.0.0.1:8080" check:"address" doc:"The one public listener: REST, Socket.IO and web client, each where its role is on; /healthz and /readyz always. Use :8080 to listen on every network interface."`
		AllowedOrigins []string       `key:"allowed_origins" shown:"same origin" check:"origins" doc:"Origins, such as https://chat.example.com, whose web pages may use the API and Socket.IO besides the server's own; * for all."`
		TrustedProxies []netip.Prefix `key:"trusted_proxies" shown:"none" doc:"Addresses or CIDRs of reverse proxies, whose X-Forwarded-For is believed."`
	} `key:"http"`

	Admin struct {
		Addr string `key:"addr" shown:"off" check:"address-or-off" doc:"Listener for /metrics (Prometheus) and /debug/pprof. Keep it off the public network."`
	} `key:"admin"`

	DataDir string `key:"data_dir" default:"./parley-data" check:"given" doc:"Directory of the embedded database and the generated secret."`

	Database struct {
		URL         string `key:"url" default:"sqlite://{data_dir}/parley.db" check:"database" doc:"sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=… ; {data_dir} stands for data_dir."`
		AutoMigrate bool   `key:"auto_migrate" shown:"true for sqlite, false for postgres" doc:"Whether serve brings the database's schema up to date. When off, serve refuses to start on a schema that is behind; run parley migrate up first."`
	} `key:"database"`

	Bus struct {
		URL    string `key:"url" default:"memory://" check:"bus" doc:"memory:// (inside this process), amqp://USER:PASSWORD@HOST:PORT/VHOST or amqps://…: RabbitMQ 3.10 or newer."`
		Prefix string `key:"prefix" default:"parley" check:"prefix" doc:"Prefix of exchanges and queues, so that several deployments can share a broker."`
	} `key:"bus"`

	Auth struct {
		JWTSecret       string        `key:"jwt_secret" shown:"generated once into {data_dir}/jwt.secret" secret:"true" check:"secret" doc:"HS256 key of access tokens, at least 32 bytes, the same in every process. Required when bus.url is AMQP."`
		AccessTTL       time.Duration `key:"access_ttl" default:"15m" min:"1s" max:"8760h" doc:"Life of an access token."`
		Registration    string        `key:"registration" default:"open" check:"open|closed" doc:"Whether people may register by themselves: open or closed."`
		Argon2MemoryKiB uint32        `key:"argon2_memory_kib" default:"19456" min:"8" max:"4194304" doc:"Memory that hashing one password takes, in KiB."`
		Argon2Time      uint32        `key:"argon2_time" default:"2" min:"1" max:"100" doc:"Passes over that memory."`
	} `key:"auth"`

	Message struct {
		MaxLength       int `key:"max_length" default:"4000" min:"1" max:"16000" doc:"Characters in one message."`
		Partitions      int `key:"partitions" default:"16" min:"1" max:"1024" doc:"Ordered incoming queues. Kept in the database; a process that is started with another value refuses."`
		EagerRecipients int `key:"eager_recipients" default:"1000" min:"0" max:"1000000" doc:"Groups of up to this many members get their message_recipients rows at send time; larger ones when the first receipt arrives."`
		MaxBacklog      int `key:"max_backlog" default:"10000" min:"1" max:"10000000" doc:"Accepted messages that may wait in one partition for a worker. Beyond it sending is answered 503 (overloaded) with Retry-After, until workers have caught up."`
	} `key:"message"`

	Direct struct {
		Anyone bool `key:"anyone" default:"false" doc:"Whether people may write personal messages to anybody, and not only to those with whom they share a group. The same in every process."`
	} `key:"direct"`

	Routing struct {
		UnbindDelay time.Duration `key:"unbind_delay" default:"30s" min:"0s" max:"1h" doc:"How long a channel's binding that nobody needs any more lingers."`
	} `key:"routing"`

	Limits struct {
		Enabled bool `key:"enabled" default:"true" doc:"Request rate limits per user and per address."`
	} `key:"limits"`

	ShutdownTimeout time.Duration `key:"shutdown_timeout" default:"20s" min:"1s" max:"1h" doc:"How long a process may take to finish what it is doing when it is asked to stop."`

	Log struct {
		Level  slog.Level `key:"level" default:"info" doc:"debug, info, warn or error."`
		Format string     `key:"format" default:"auto" shown:"auto: text on a terminal, else json" check:"auto|text|json" doc:"auto, text or json."`
	} `key:"log"`

	sources map[string]string // by key, where its value came from; absent: default
}

// Default is the configuration of a process for which nothing is configured.
func Default() Config {
	c, _ := Load(Sources{}) // a test sees to it that this cannot fail
	return c
}

// Has reports whether the process plays a role.
func (c *Config) Has(r registry.Role) bool { return slices.Contains(c.Roles, r) }

// Split reports whether some role must be played by another process.
func (c *Config) Split() bool {
	return slices.ContainsFunc(registry.AllRoles(), func(r registry.Role) bool { return !c.Has(r) })
}

// Embedded reports whether the bus lives inside the process.
func (c *Config) Embedded() bool { return !strings.HasPrefix(c.Bus.URL, "amqp") }

// SQLite reports whether the database is a file.
func (c *Config) SQLite() bool { return strings.HasPrefix(c.Database.URL, "sqlite:") }

// SecretFile is where the secret is kept if auth.jwt_secret is empty.
func (c *Config) SecretFile() string { return filepath.Join(c.DataDir, "jwt.secret") }

// Source says where the value of a key came from: a file and line, a variable, a flag, or "default".
func (c *Config) Source(key string) string {
	if s, ok := c.sources[key]; ok {
		return s
	}
	return byDefault
}

// byDefault is the source of a value that nothing has set.
const byDefault = "default"
