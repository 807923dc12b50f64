package deploy

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"time"
)

// Shape is a way of deploying Parley.
type Shape struct {
	Title   string
	Roles   []string // one process each; empty for a single process with every role
	Servers bool     // PostgreSQL and RabbitMQ; else SQLite and the bus inside the process
}

// The shapes that are measured.
var (
	Split     = Shape{"split roles: api, worker, two sockets; RabbitMQ, PostgreSQL", []string{"api", "worker", "socket", "socket"}, true}
	OneSocket = Shape{"split roles: api, worker, one socket; RabbitMQ, PostgreSQL", []string{"api", "worker", "socket"}, true}
	One       = Shape{"one process; RabbitMQ, PostgreSQL", nil, true}
	Embedded  = Shape{"one process; SQLite, bus inside", nil, false}
)

// With is the shape with more processes.
func (s Shape) With(roles ...string) Shape {
	s.Roles = append(slices.Clone(s.Roles), roles...)
	return s
}

// Deployment is Parley, running.
type Deployment struct {
	Shape     Shape
	Processes []*Process
	Database  string // URL; empty for SQLite
	lab       *Lab
	name      string
	env       map[string]string
	started   int
	cleanup   []func()
}

// allRoles is the name of a process that plays every role.
const allRoles = "all roles"

// partitions is the default of message.partitions.
const partitions = 16

// Start starts a deployment with a database and a prefix of its own.
func (l *Lab) Start(ctx context.Context, s Shape) (*Deployment, error) {
	name := Random("bench-")
	d := &Deployment{Shape: s, lab: l, name: name}
	d.env = map[string]string{
		"PARLEY_DATA_DIR":               l.file(name),
		"PARLEY_AUTH_ARGON2_MEMORY_KIB": "64", // sign-ups are not what is measured
		"PARLEY_AUTH_ARGON2_TIME":       "1",
		"PARLEY_AUTH_ACCESS_TTL":        "2h",
		"PARLEY_LIMITS_ENABLED":         "false", // the load comes from one address
		"PARLEY_LOG_LEVEL":              "warn",
	}
	roles := s.Roles
	if len(roles) == 0 {
		roles = []string{""}
	}
	if s.Servers {
		if err := d.useServers(ctx, name); err != nil {
			return nil, err
		}
	}
	for _, role := range roles {
		if _, err := d.Add(ctx, role); err != nil {
			d.Stop()
			return nil, err
		}
	}
	return d, nil
}

func (d *Deployment) useServers(ctx context.Context, prefix string) error {
	database, drop, err := d.lab.Database(ctx)
	if err != nil {
		return err
	}
	d.Database = database
	d.cleanup = append(d.cleanup, drop, func() { d.lab.Sweep(prefix, partitions) })
	maps.Copy(d.env, map[string]string{
		"PARLEY_BUS_URL":         d.lab.AMQP,
		"PARLEY_BUS_PREFIX":      prefix,
		"PARLEY_DATABASE_URL":    database,
		"PARLEY_AUTH_JWT_SECRET": "a secret of the benchmarks, long enough",
	})
	migrate := d.command(ctx, "", "migrate", "up")
	if out, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("parley migrate up: %w\n%s", err, out)
	}
	return nil
}

// Add starts one more process; no role means all of them.
func (d *Deployment) Add(ctx context.Context, role string) (*Process, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	admin, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	cmd := d.command(context.WithoutCancel(ctx), role, "serve")
	cmd.Env = append(cmd.Env, "PARLEY_HTTP_ADDR="+addr, "PARLEY_ADMIN_ADDR="+admin)
	d.started++
	name := role
	if role == "" {
		name = allRoles
	}
	p, err := Spawn(name, cmd, d.lab.file(fmt.Sprintf("%s-%d.log", d.name, d.started)))
	if err != nil {
		return nil, err
	}
	p.Addr, p.Admin = addr, admin
	d.Processes = append(d.Processes, p)
	err = p.Ready(ctx, "/readyz")
	return p, err
}

// command is a command of parley with the deployment's configuration.
func (d *Deployment) command(ctx context.Context, role string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.lab.Parley, args...) //nolint:gosec // no input from outside
	cmd.Env = cleanEnv()
	for k, v := range d.env {
		if role == "socket" && k == "PARLEY_DATABASE_URL" {
			continue // it has no use for one
		}
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	if role != "" {
		cmd.Env = append(cmd.Env, "PARLEY_ROLES="+role)
	}
	return cmd
}

// Role returns the processes that play a role.
func (d *Deployment) Role(role string) []*Process {
	var found []*Process
	for _, p := range d.Processes {
		if p.Name == allRoles || p.Name == role {
			found = append(found, p)
		}
	}
	return found
}

// Title is what reports call it.
func (d *Deployment) Title() string { return "Parley, " + d.Shape.Title }

// All returns all processes.
func (d *Deployment) All() []*Process { return d.Processes }

// API is the address for requests.
func (d *Deployment) API() string { return "http://" + d.Role("api")[0].Addr }

// Sockets are the addresses for connections.
func (d *Deployment) Sockets() []string {
	var urls []string
	for _, p := range d.Role("socket") {
		urls = append(urls, "http://"+p.Addr)
	}
	return urls
}

// Stop ends all processes and removes what they have stored.
func (d *Deployment) Stop() {
	for _, p := range d.Processes {
		p.Kill() // what it would finish is of no use to anybody
	}
	for _, clean := range d.cleanup {
		clean()
	}
}

// Kill ends one of the processes as a crash would.
func (d *Deployment) Kill(p *Process) {
	p.Kill()
	d.Processes = slices.DeleteFunc(d.Processes, func(other *Process) bool { return other == p })
}

// RestartSockets replaces the processes that hold connections: everything, where there is just one process.
func (d *Deployment) RestartSockets(ctx context.Context) error {
	for _, p := range d.Role("socket") {
		d.Kill(p)
		role := p.Name
		if role == allRoles {
			role = ""
		}
		if _, err := d.Add(ctx, role); err != nil {
			return err
		}
	}
	return nil
}

// Await waits until a metric, summed over all processes, has reached a value.
func (d *Deployment) Await(ctx context.Context, patience time.Duration, metric string, value float64) error {
	return Until(ctx, patience, func() error {
		sum := 0.0
		for _, p := range d.Processes {
			values, err := p.Metrics(ctx)
			if err != nil {
				return err
			}
			sum += values[metric]
		}
		if sum < value {
			return fmt.Errorf("%s is %v, not %v", metric, sum, value)
		}
		return nil
	})
}
