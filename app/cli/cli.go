// Package cli is Parley's command line: what the commands are called, what
// they take and print, and the exit codes. What they do is in package app.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"parley/app/config"
	"parley/app/problem"
	"parley/app/telemetry"
)

// Exit codes.
const (
	codeDone   = 0
	codeFailed = 1 // at run time
	codeUsage  = 2 // wrong usage or configuration
	codeKilled = 130
)

// Process is what a command has of its process.
type Process struct {
	Version string   // of the program, if the linker gave one
	Env     []string // in the form of os.Environ
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
}

// Execute runs a command line, without the program's name, and returns the
// exit code: 0 done, 1 failed at run time, 2 wrong usage or configuration. Errors have been printed.
func Execute(ctx context.Context, args []string, p Process) int {
	c := &commands{Process: p}
	root := c.root()
	root.SetArgs(append([]string{}, args...)) // never nil, for which cobra would take os.Args
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	ran, err := root.ExecuteContextC(ctx)
	if err == nil {
		return codeDone
	}
	code := exitCode(err)
	_, _ = fmt.Fprintf(p.Stderr, "parley: %s\n", explain(err))
	if usage := (*config.Error)(nil); code == codeUsage && !errors.As(err, &usage) {
		_, _ = fmt.Fprintf(p.Stderr, "See '%s --help'.\n", ran.CommandPath())
	}
	return code
}

// exitCode is the one place that tells kinds of errors apart. Whatever cobra
// refuses by itself (an unknown command or flag, a missing argument) is wrong usage.
func exitCode(err error) int {
	var failed failure
	var usage usageError
	var configuration *config.Error
	switch {
	case errors.As(err, &usage), errors.As(err, &configuration), errors.Is(err, problem.Invalid):
		return codeUsage
	case errors.As(err, &failed):
		return codeFailed
	default:
		return codeUsage
	}
}

// explain makes one text of an error. Problems are meant for people already; their code and cause are for programs and logs.
func explain(err error) string {
	var p *problem.Problem
	if !errors.As(err, &p) {
		return err.Error()
	}
	if len(p.Fields) > 0 {
		lines := make([]string, len(p.Fields))
		for i, f := range p.Fields {
			lines[i] = f.Field + " " + f.Message
		}
		return strings.Join(lines, "; ")
	}
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

// failure marks an error of a command that was running.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// usageError marks an error of a running command that is the caller's fault.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run makes the RunE of a command.
func run(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := f(cmd, args); err != nil {
			return failure{err}
		}
		return nil
	}
}

// commands makes the commands of one execution.
type commands struct {
	Process

	file  string // --config
	roles string // --roles
	addr  string // --http-addr
}

func (c *commands) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "parley",
		Short: "A self-hosted group-chat server",
		Long: "Parley is a self-hosted group-chat server. Without any configuration, parley serve is a complete one\n" +
			"on one machine, at http://127.0.0.1:8080.",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVar(&c.file, "config", "", "YAML file to read the configuration from (or PARLEY_CONFIG)")
	root.AddCommand(c.serve(), c.migrate(), c.seed(), c.loadtest(), c.user(), c.token(), c.config(), c.health(), c.version())
	return root
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: use, Short: short}
	g.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("say what to do: %s", strings.Join(names(cmd), ", "))
		}
		message := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			message += "; did you mean " + near[0] + "?"
		}
		return errors.New(message)
	}
	g.SuggestionsMinimumDistance = 2
	g.AddCommand(commands...)
	return g
}

func names(cmd *cobra.Command) []string {
	var all []string
	for _, c := range cmd.Commands() {
		all = append(all, c.Name())
	}
	return all
}

// noArgs refuses arguments to a command that has none.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments, got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// oneArg wants exactly one argument, of the given kind.
func oneArg(kind string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s takes one argument, %s; got %d", cmd.CommandPath(), kind, len(args))
		}
		return nil
	}
}

// roleFlags are the flags that override the configuration.
func (c *commands) roleFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.roles, "roles", "", "roles of this process: api,worker,socket")
	cmd.Flags().StringVar(&c.addr, "http-addr", "", "address to listen on, host:port")
}

// load reads the configuration for a command, from all its sources.
func (c *commands) load(cmd *cobra.Command) (config.Config, error) {
	flags := make(map[string]string)
	for flag, key := range map[string]string{"roles": "roles", "http-addr": "http.addr"} {
		if f := cmd.Flags().Lookup(flag); f != nil && f.Changed {
			flags[key] = f.Value.String()
		}
	}
	return config.Load(config.Sources{File: c.file, Env: c.Env, Flags: flags})
}

// logger makes the log of a command that is not a server: only what went wrong.
func (c *commands) logger(cfg config.Config) *slog.Logger {
	return telemetry.NewLogger(c.Stderr, max(cfg.Log.Level, slog.LevelWarn), cfg.Log.Format)
}
