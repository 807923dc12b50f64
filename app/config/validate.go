package config

import (
	"net"
	"slices"
	"strings"

	"parley/app/registry"
)

// Validate checks every rule. Its error is an *Error with all that is wrong. Load has done it already; a
// configuration that was changed afterwards needs it again.
func (c *Config) Validate() error {
	if problems := c.validate(nil); len(problems) > 0 {
		return &Error{Problems: problems}
	}
	return nil
}

// validate checks the rules of each key, then those of several together. Keys in skip are not judged: their
// value could not be read, which has been reported.
func (c *Config) validate(skip map[string]bool) []Problem {
	var problems []Problem
	wrong := func(key, message string) {
		problems = append(problems, Problem{Key: key, Source: c.Source(key), Message: message})
	}
	for _, f := range fields() {
		if skip[f.key] {
			continue
		}
		v := f.of(c).Interface()
		if err := check(f.check, v); err != nil {
			wrong(f.key, err.Error())
		} else if err := checkBounds(v, f.min, f.max); err != nil {
			wrong(f.key, err.Error())
		}
	}
	if skip["roles"] || !c.checkRoles(wrong) {
		return problems
	}
	c.checkTogether(wrong)
	return problems
}

// checkRoles reports whether the roles make sense by themselves.
func (c *Config) checkRoles(wrong func(key, message string)) bool {
	ok := len(c.Roles) > 0
	if !ok {
		wrong("roles", "must name at least one of api, worker and socket")
	}
	for i, r := range c.Roles {
		if !slices.Contains(registry.AllRoles(), r) {
			wrong("roles", "unknown role "+string(r)+"; the roles are api, worker and socket")
			ok = false
		}
		if slices.Contains(c.Roles[:i], r) {
			wrong("roles", "names "+string(r)+" twice")
			ok = false
		}
	}
	return ok
}

// checkTogether has the rules about more than one key.
func (c *Config) checkTogether(wrong func(key, message string)) {
	if c.Split() && c.Bus.URL == inProcess {
		wrong("roles", "names only "+c.roleNames()+" while bus.url is memory://, which no other process can reach: "+
			"run all roles in one process, or set bus.url to a RabbitMQ server (amqp://…)")
	}
	if c.Split() && !c.Embedded() && c.SQLite() && c.Has(registry.API) != c.Has(registry.Worker) {
		wrong("database.url", "is a SQLite file, while roles names "+c.roleNames()+": api and worker in different processes "+
			"need one database that both reach; set it to a PostgreSQL server (postgres://…)")
	}
	if !c.Embedded() && c.Auth.JWTSecret == "" {
		wrong("auth.jwt_secret", "is required when bus.url is AMQP, as all processes must have the same; make one with: openssl rand -base64 48")
	}
	if c.Admin.Addr != "" && sameAddress(c.Admin.Addr, c.HTTP.Addr) {
		wrong("admin.addr", "is the address of http.addr; choose another")
	}
}

func (c *Config) roleNames() string {
	names, _ := format(c.Roles)
	return strings.Join(names, " and ")
}

// sameAddress reports whether two listeners would take the same port of the same address.
func sameAddress(a, b string) bool {
	_, port, err := net.SplitHostPort(a)
	return err == nil && port != "0" && a == b
}
