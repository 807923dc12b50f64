package config_test

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/config"
	"parley/app/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "0123456789abcdef0123456789abcdef"

// write makes a file parley.yaml.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "parley.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// problems are those that Load reports, one a line.
func problems(t *testing.T, from config.Sources) []string {
	t.Helper()
	_, err := config.Load(from)
	if err == nil {
		return nil
	}
	var all *config.Error
	require.ErrorAs(t, err, &all)
	lines := make([]string, len(all.Problems))
	for i, p := range all.Problems {
		lines[i] = p.String()
		require.Contains(t, err.Error(), p.String())
	}
	return lines
}

func TestDefaultsAreTheContracts(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{})
	require.NoError(t, err)
	require.Equal(t, config.Default(), c)
	require.NoError(t, c.Validate())

	require.Equal(t, registry.AllRoles(), c.Roles)
	require.Equal(t, "127.0.0.1:8080", c.HTTP.Addr)
	require.Empty(t, c.HTTP.AllowedOrigins)
	require.Empty(t, c.HTTP.TrustedProxies)
	require.Empty(t, c.Admin.Addr)
	require.Equal(t, "./parley-data", c.DataDir)
	require.Equal(t, "sqlite://{data_dir}/parley.db", c.Database.URL)
	require.True(t, c.Database.AutoMigrate)
	require.Equal(t, "memory://", c.Bus.URL)
	require.Equal(t, "parley", c.Bus.Prefix)
	require.Empty(t, c.Auth.JWTSecret)
	require.Equal(t, 15*time.Minute, c.Auth.AccessTTL)
	require.Equal(t, "open", c.Auth.Registration)
	require.EqualValues(t, 19456, c.Auth.Argon2MemoryKiB)
	require.EqualValues(t, 2, c.Auth.Argon2Time)
	require.Equal(t, 4000, c.Message.MaxLength)
	require.Equal(t, 16, c.Message.Partitions)
	require.Equal(t, 1000, c.Message.EagerRecipients)
	require.Equal(t, 10000, c.Message.MaxBacklog)
	require.Equal(t, 30*time.Second, c.Routing.UnbindDelay)
	require.True(t, c.Limits.Enabled)
	require.Equal(t, 20*time.Second, c.ShutdownTimeout)
	require.Equal(t, slog.LevelInfo, c.Log.Level)
	require.Equal(t, "auto", c.Log.Format)

	require.True(t, c.Embedded())
	require.True(t, c.SQLite())
	require.False(t, c.Split())
	require.Equal(t, filepath.Join("parley-data", "jwt.secret"), c.SecretFile())
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	file := write(t, "http: {addr: ':1'}\nbus:\n  prefix: file\nlog: {level: warn}\n")
	c, err := config.Load(config.Sources{
		File:  file,
		Env:   []string{"PARLEY_HTTP_ADDR=:2", "PARLEY_BUS_PREFIX=env", "HOME=/root", "PARLEY_CONFIG=/not/read"},
		Flags: map[string]string{"http.addr": ":3"},
	})
	require.NoError(t, err)
	require.Equal(t, ":3", c.HTTP.Addr)
	require.Equal(t, "--http-addr", c.Source("http.addr"))
	require.Equal(t, "env", c.Bus.Prefix)
	require.Equal(t, "PARLEY_BUS_PREFIX", c.Source("bus.prefix"))
	require.Equal(t, slog.LevelWarn, c.Log.Level)
	require.Equal(t, "parley.yaml:4", c.Source("log.level"))
	require.Equal(t, "default", c.Source("data_dir"))

	c, err = config.Load(config.Sources{Env: []string{"PARLEY_CONFIG=" + file}})
	require.NoError(t, err)
	require.Equal(t, ":1", c.HTTP.Addr)
}

func TestEveryKindOfValue(t *testing.T) {
	t.Parallel()
	file := write(t, `
roles: [api, worker, socket]
http:
  addr: ":0"
  allowed_origins:
    - https://a.example
    - https://b.example:8443
  trusted_proxies: 10.0.0.0/8, 192.168.1.1 , ::1
admin: {addr: "localhost:9090"}
database.url: postgres://parley:secret@db/parley
database:
  auto_migrate: true
bus: &bus
  url: amqps://user:p%40ss@mq:5671/vhost
auth: {jwt_secret: `+secret+`, access_ttl: 1h30m, registration: closed, argon2_memory_kib: 64, argon2_time: 1}
message: {max_length: 10, partitions: 1, eager_recipients: 0, max_backlog: 7}
routing: {unbind_delay: 0s}
limits: {enabled: false}
shutdown_timeout: 1500ms
log: {level: DEBUG, format: json}
`)
	c, err := config.Load(config.Sources{File: file})
	require.NoError(t, err)
	require.Equal(t, []string{"https://a.example", "https://b.example:8443"}, c.HTTP.AllowedOrigins)
	require.Equal(t, []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.1/32"), netip.MustParsePrefix("::1/128"),
	}, c.HTTP.TrustedProxies)
	require.Equal(t, 90*time.Minute, c.Auth.AccessTTL)
	require.EqualValues(t, 64, c.Auth.Argon2MemoryKiB)
	require.Zero(t, c.Message.EagerRecipients)
	require.Equal(t, 7, c.Message.MaxBacklog)
	require.Zero(t, c.Routing.UnbindDelay)
	require.False(t, c.Limits.Enabled)
	require.Equal(t, 1500*time.Millisecond, c.ShutdownTimeout)
	require.Equal(t, slog.LevelDebug, c.Log.Level)
	require.False(t, c.Embedded())
	require.False(t, c.SQLite())
}

func TestAutoMigrateFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		flags map[string]string
		want  bool
	}{
		"sqlite":          {map[string]string{"database.url": "sqlite:///var/lib/parley.db"}, true},
		"sqlite, off":     {map[string]string{"database.auto_migrate": "false"}, false},
		"postgres":        {map[string]string{"database.url": "postgres://db/parley"}, false},
		"postgresql":      {map[string]string{"database.url": "postgresql://db/parley"}, false},
		"postgres, on":    {map[string]string{"database.url": "postgres://db/parley", "database.auto_migrate": "true"}, true},
		"postgres socket": {map[string]string{"database.url": "postgres:///parley?host=/run/postgresql"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(config.Sources{Flags: tc.flags})
			require.NoError(t, err)
			require.Equal(t, tc.want, c.Database.AutoMigrate)
		})
	}
}

func TestEmptyFilesAreFine(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n", "---\n", "http:\n", "{}", "http: {}\nlog:\n  # level: info\n"} {
		require.Empty(t, problems(t, config.Sources{File: write(t, text)}), "%q", text)
	}
}

func TestFilesWithMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"htp: {addr: 1}":                     {"htp: unknown key (parley.yaml:1)"},
		"http:\n  adr: ':1'\n":               {"http.adr: unknown key; did you mean http.addr? (parley.yaml:2)"},
		"https.addr: ':1'\n":                 {"https.addr: unknown key; did you mean http.addr? (parley.yaml:1)"},
		"http: ':8080'\n":                    {"http: must hold keys, such as addr: 127.0.0.1:8080 (parley.yaml:1)"},
		"- a\n":                              {"config: must hold keys, such as roles: api,worker,socket (parley.yaml:1)"},
		"http: {addr: [':1']}\n":             {"http.addr: takes one value, not a list (parley.yaml:1)"},
		"http: {addr: {port: 1}}\n":          {"http.addr: takes a value, not keys (parley.yaml:1)"},
		"http:\n  addr:\n":                   {`http.addr: has no value: give it one ("" for none), or remove the line (parley.yaml:2)`},
		"roles: [api, [worker]]\n":           {"roles: must be a list of single values (parley.yaml:1)"},
		"http.addr: ':1'\nhttp: {addr: 2}":   {"http.addr: is given twice, first in line 1 (parley.yaml:2)"},
		"log: {level: info}\nlog: {level: }": {"log.level: is given twice, first in line 1 (parley.yaml:2)"},
		"bus: {<<: {prefix: a}}\n":           {"bus.<<: unknown key (parley.yaml:1)"},
		"limits: {enabled: yes}\n":           {`limits.enabled: must be true or false, not "yes" (parley.yaml:1)`},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want, problems(t, config.Sources{File: write(t, text)}))
		})
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"config: cannot read the file: no such file or directory (/no/such.yaml)"},
		problems(t, config.Sources{File: "/no/such.yaml"}))
	for text, want := range map[string]string{
		"http: [":           "is not valid YAML: line 1",
		"a: 1\n---\nb: 2\n": "has more than one document",
		"\tx: 1":            "is not valid YAML",
	} {
		got := problems(t, config.Sources{File: write(t, text)})
		require.Len(t, got, 1, "%q", text)
		require.Contains(t, got[0], want)
	}
}

func TestUnknownVariables(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"PARLEY_FOO: unknown variable",
		"PARLEY_HTTP_ADR: unknown variable; did you mean PARLEY_HTTP_ADDR?",
		"PARLEY_PORT_8080_TCP: unknown variable; Kubernetes sets such variables for a Service named parley: " +
			"put enableServiceLinks: false into the pod's spec",
	}, problems(t, config.Sources{Env: []string{"PARLEY_HTTP_ADR=:1", "PARLEY_FOO=", "PARLEYX=1", "PARLEY_PORT_8080_TCP=x"}}))
}

func TestUnknownFlagKey(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"http.adr: unknown key; did you mean http.addr? (flag)"},
		problems(t, config.Sources{Flags: map[string]string{"http.adr": ":1"}}))
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	got := problems(t, config.Sources{
		File:  write(t, "nope: 1\nmessage: {partitions: 0}\nauth:\n  access_ttl: 15\n"),
		Env:   []string{"PARLEY_MESSAGE_MAX_LENGTH=lots", "PARLEY_NOPE=1"},
		Flags: map[string]string{"roles": "api,cook,api"},
	})
	require.Equal(t, []string{
		"PARLEY_NOPE: unknown variable",
		"nope: unknown key (parley.yaml:1)",
		`auth.access_ttl: must be a duration with a unit, such as 30s, 15m or 12h, not "15" (parley.yaml:4)`,
		`message.max_length: must be a whole number, not "lots" (PARLEY_MESSAGE_MAX_LENGTH)`,
		`roles: unknown role "cook"; the roles are api, worker and socket (--roles)`,
		"message.partitions: must be from 1 to 1024, not 0 (parley.yaml:2)",
	}, got)
}

func TestRules(t *testing.T) {
	t.Parallel()
	amqp := "amqp://guest:guest@127.0.0.1/"
	long := strings.Repeat("x", 65)
	for name, tc := range map[string]struct {
		set  map[string]string
		want string // "" if it is fine
	}{
		"roles empty":      {map[string]string{"roles": ""}, "roles: must name at least one of api, worker and socket"},
		"role twice":       {map[string]string{"roles": "api,worker,socket,api"}, "roles: names api twice"},
		"no port":          {map[string]string{"http.addr": "localhost"}, "http.addr: must be host:port"},
		"port too large":   {map[string]string{"http.addr": ":65536"}, "http.addr: has no valid port"},
		"port name":        {map[string]string{"http.addr": ":http"}, "http.addr: has no valid port"},
		"bad host":         {map[string]string{"http.addr": "a b:80"}, "http.addr: must be host:port"},
		"empty address":    {map[string]string{"http.addr": ""}, "http.addr: must be host:port"},
		"IPv6":             {map[string]string{"http.addr": "[::1]:0"}, ""},
		"bare IPv6":        {map[string]string{"http.addr": "::1:80"}, "http.addr: must be host:port"},
		"admin on":         {map[string]string{"admin.addr": ":9090"}, ""},
		"admin bad":        {map[string]string{"admin.addr": "9090"}, "admin.addr: must be host:port"},
		"admin same":       {map[string]string{"admin.addr": ":8080", "http.addr": ":8080"}, "admin.addr: is the address of http.addr"},
		"both any port":    {map[string]string{"admin.addr": ":0", "http.addr": ":0"}, ""},
		"origin star":      {map[string]string{"http.allowed_origins": "*"}, ""},
		"origin path":      {map[string]string{"http.allowed_origins": "https://a.example/"}, "write https://a.example"},
		"origin capitals":  {map[string]string{"http.allowed_origins": "https://A.example"}, "write https://a.example"},
		"origin host":      {map[string]string{"http.allowed_origins": "a.example"}, "is not an origin"},
		"proxy host bits":  {map[string]string{"http.trusted_proxies": "10.1.2.3/8"}, "did you mean 10.0.0.0/8?"},
		"proxy name":       {map[string]string{"http.trusted_proxies": "proxy,10.0.0.0/33"}, `"proxy" is neither an address nor a CIDR such as 10.0.0.0/8; "10.0.0.0/33"`},
		"data_dir empty":   {map[string]string{"data_dir": ""}, "data_dir: must not be empty"},
		"mysql":            {map[string]string{"database.url": "mysql://db"}, "database.url: must begin with sqlite:// or postgres://"},
		"sqlite nothing":   {map[string]string{"database.url": "sqlite://"}, "database.url: names no file"},
		"sqlite memory":    {map[string]string{"database.url": "sqlite://:memory:"}, "database.url: a database in memory"},
		"sqlite parameter": {map[string]string{"database.url": "sqlite://a.db?mode=ro"}, "database.url: a sqlite:// URL is a path alone"},
		"postgres escape":  {map[string]string{"database.url": "postgres://u:hunter2%@db/x"}, "is written %25"},
		"postgres port":    {map[string]string{"database.url": "postgres://u:hunter2/x@db/x"}, "is not a port"},
		"postgres spaces":  {map[string]string{"database.url": "postgres://u:hunter2 \x7f@db/x"}, "special characters"},
		"redis":            {map[string]string{"bus.url": "redis://x"}, "bus.url: must be memory://, or begin with amqp:// or amqps://"},
		"redis, split":     {map[string]string{"bus.url": "redis://x", "roles": "api"}, "bus.url: must be memory://, or begin with amqp:// or amqps://"},
		"amqp no host":     {map[string]string{"bus.url": "amqp:///x", "auth.jwt_secret": secret}, "bus.url: names no host"},
		"amqp escape":      {map[string]string{"bus.url": "amqp://u:hunter2%@mq", "auth.jwt_secret": secret}, "is written %25"},
		"prefix empty":     {map[string]string{"bus.prefix": ""}, "bus.prefix: must be 1 to 64"},
		"prefix long":      {map[string]string{"bus.prefix": long}, "bus.prefix: must be 1 to 64"},
		"prefix odd":       {map[string]string{"bus.prefix": "a b"}, "bus.prefix: must be 1 to 64"},
		"secret short":     {map[string]string{"auth.jwt_secret": "hunter2"}, "auth.jwt_secret: must have at least 32 bytes, has 7"},
		"secret in bytes":  {map[string]string{"auth.jwt_secret": strings.Repeat("é", 16)}, ""},
		"secret for amqp":  {map[string]string{"bus.url": amqp}, "auth.jwt_secret: is required when bus.url is AMQP"},
		"amqp":             {map[string]string{"bus.url": amqp, "auth.jwt_secret": secret}, ""},
		"ttl zero":         {map[string]string{"auth.access_ttl": "0s"}, "auth.access_ttl: must be from 1s to 8760h, not 0s"},
		"registration":     {map[string]string{"auth.registration": "maybe"}, `auth.registration: must be open or closed, not "maybe"`},
		"argon2 memory":    {map[string]string{"auth.argon2_memory_kib": "7"}, "auth.argon2_memory_kib: must be from 8 to 4194304, not 7"},
		"argon2 negative":  {map[string]string{"auth.argon2_time": "-1"}, "auth.argon2_time: must be a whole number from 0"},
		"length":           {map[string]string{"message.max_length": "16001"}, "message.max_length: must be from 1 to 16000, not 16001"},
		"partitions":       {map[string]string{"message.partitions": "1025"}, "message.partitions: must be from 1 to 1024, not 1025"},
		"partitions most":  {map[string]string{"message.partitions": "1024"}, ""},
		"recipients":       {map[string]string{"message.eager_recipients": "-1"}, "message.eager_recipients: must be from 0"},
		"unbind delay":     {map[string]string{"routing.unbind_delay": "-1s"}, "routing.unbind_delay: must be from 0s to 1h, not -1s"},
		"shutdown":         {map[string]string{"shutdown_timeout": "10ms"}, "shutdown_timeout: must be from 1s to 1h, not 10ms"},
		"level":            {map[string]string{"log.level": "info+2"}, "log.level: must be debug, info, warn or error"},
		"format":           {map[string]string{"log.format": "xml"}, `log.format: must be auto, text or json, not "xml"`},
		"split in process": {map[string]string{"roles": "api,socket"}, "roles: names only api and socket while bus.url is memory://"},
		"split worker on a file": {
			map[string]string{"roles": "worker,socket", "bus.url": amqp, "auth.jwt_secret": secret},
			"database.url: is a SQLite file, while roles names worker and socket",
		},
		"api and worker on a file": {map[string]string{"roles": "api,worker", "bus.url": amqp, "auth.jwt_secret": secret}, ""},
		"socket needs no database": {map[string]string{"roles": "socket", "bus.url": amqp, "auth.jwt_secret": secret}, ""},
		"split on postgres": {
			map[string]string{"roles": "worker", "bus.url": amqp, "auth.jwt_secret": secret, "database.url": "postgres://db/x"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := problems(t, config.Sources{Flags: tc.set})
			if tc.want == "" {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.Contains(t, got[0], tc.want)
			require.NotContains(t, got[0], "hunter2", "values that may be secret are not repeated")
		})
	}
}

func TestValidateSeesLaterChanges(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.Roles = []registry.Role{registry.API}
	require.ErrorContains(t, c.Validate(), "roles: names only api")
	c.Roles = []registry.Role{"cook", "cook"}
	require.ErrorContains(t, c.Validate(), "the configuration has 3 problems:")
	c.Roles = nil
	require.ErrorContains(t, c.Validate(), "configuration: roles: must name at least one")
}
