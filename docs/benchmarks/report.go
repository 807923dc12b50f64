package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"parley/docs/benchmarks/deploy"
	"parley/docs/benchmarks/figures"
)

// render writes the tables into the report and draws the plots.
func render(o options, r *figures.Results) error {
	for _, c := range curves() {
		if err := r.Plot(c, filepath.Join(o.out, c.Row+".svg")); err != nil {
			return fmt.Errorf("plotting %s: %w", c.Row, err)
		}
	}
	if o.report == "" {
		return nil
	}
	for _, row := range rows() {
		text := r.Table(row.name, row.x)
		if text == "" {
			text = "Not measured yet.\n"
		}
		if err := figures.Replace(o.report, row.name, text); err != nil {
			return err
		}
	}
	if err := figures.Replace(o.report, "machine", about(r)); err != nil {
		return err
	}
	return figures.Replace(o.report, "goals", r.Goals(goals()))
}

// about describes the machine.
func about(r *figures.Results) string {
	var b strings.Builder
	for _, key := range []string{"processor", "cores", "memory", "kernel", "Go", "PostgreSQL", "RabbitMQ", "Node.js", "commit"} {
		if v := r.Machine[key]; v != "" {
			fmt.Fprintf(&b, "- %s: %s\n", key, v)
		}
	}
	if b.Len() == 0 {
		return "Not measured yet.\n"
	}
	return b.String()
}

// machine finds out what the figures were measured on.
func machine(ctx context.Context, lab *deploy.Lab) (map[string]string, error) {
	postgres, err := lab.PostgresVersion(ctx)
	if err != nil {
		return nil, err
	}
	rabbit, err := lab.RabbitVersion()
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"processor":  field("/proc/cpuinfo", "model name"),
		"cores":      fmt.Sprint(runtime.NumCPU()),
		"memory":     field("/proc/meminfo", "MemTotal"),
		"kernel":     output(ctx, "uname", "-sr"),
		"Go":         runtime.Version(),
		"PostgreSQL": postgres,
		"RabbitMQ":   rabbit,
		"Node.js":    output(ctx, "node", "--version"),
		"commit":     output(ctx, "git", "describe", "--always", "--dirty"),
	}, nil
}

// field returns the value of the first line of a file that begins with name.
func field(path, name string) string {
	content, err := os.ReadFile(path) //nolint:gosec // no input from outside
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// output is what a command prints; nothing if it cannot be run.
func output(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output() //nolint:gosec // no input from outside
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(out))
}
