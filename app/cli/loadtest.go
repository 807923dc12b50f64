package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/app/loadtest"
)

// errNotWell ends a load test that found something.
var errNotWell = errors.New("the load test has found problems; see its verdict")

// loadtestFlags are the flags that are not options of a load test.
type loadtestFlags struct {
	options   loadtest.Options
	usersFile string
	json      bool
	out       string
}

func (c *commands) loadtest() *cobra.Command {
	var f loadtestFlags
	cmd := &cobra.Command{
		Use:   "loadtest",
		Short: "Put a deployment under load, and check that it loses nothing",
		Long: "Connects many users to a running deployment, has them send messages, measures how fast those arrive, and checks that every accepted\n" +
			"message arrived at everybody once and in order. It makes users and groups of its own; --cleanup deletes them afterwards.\n" +
			"The exit code is 0 if all was well, 1 if anything was lost, doubled or reordered or the test could not be carried out, 2 for wrong usage.",
		Example: "  parley loadtest --url http://127.0.0.1:8080 --cleanup\n" +
			"  parley loadtest --url https://chat.example.com --users 1000 --rate 200 --duration 5m --cleanup --json\n" +
			"  parley loadtest --url http://api:8080 --socket-url http://socket-1:8080 --socket-url http://socket-2:8080 --users 5000 --connect-only",
		Args: noArgs,
		RunE: run(func(cmd *cobra.Command, _ []string) error { return c.runLoadtest(cmd, f) }),
	}
	f.define(cmd)
	return cmd
}

func (f *loadtestFlags) define(cmd *cobra.Command) {
	o, flags := &f.options, cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.URL, "url", "", "where the HTTP API is, such as http://127.0.0.1:8080 (required)")
	flags.StringArrayVar(&o.SocketURLs, "socket-url", nil, "a socket server; repeat it to spread the users over several (default: as --url)")
	flags.IntVar(&o.Users, "users", 100, "connected users")
	flags.IntVar(&o.Members, "members", 0, "members of each group; those beyond --users stay offline (default: as --users)")
	flags.IntVar(&o.Groups, "groups", 1, "groups")
	flags.IntVar(&o.Channels, "channels", 5, "channels of each group")
	flags.IntVar(&o.Senders, "senders", 64, "messages on their way to being accepted at any time (closed loop)")
	flags.Float64Var(&o.Rate, "rate", 0, "messages a second, evenly paced, whatever becomes of them (open loop, in place of --senders)")
	flags.BoolVar(&o.ConnectOnly, "connect-only", false, "send nothing: connect everybody at once, and stay")
	flags.DurationVar(&o.Duration, "duration", 30*time.Second, "how long to measure")
	flags.IntVar(&o.Messages, "messages", 0, "how many messages to measure, in place of --duration")
	flags.DurationVar(&o.Warmup, "warmup", 2*time.Second, "how long to send before measuring")
	flags.BoolVar(&o.Placebo, "placebo", false, "emit events of the same size that the server does not know in place of receipts, to compare (default: no)")
	flags.IntVar(&o.ReceiptChannels, "receipts-channels", 0, "of how many channels everybody tells each time, and of the next ones the next time (default: of all)")
	flags.DurationVar(&o.Receipts, "receipts", 0, "how often everybody tells at once what it has read (default: never)")
	flags.IntVar(&o.Size, "size", 50, "characters of a message")
	flags.DurationVar(&o.Patience, "patience", 30*time.Second, "how long to wait for connections, for acceptance, and for deliveries in the end")
	flags.StringVar(&o.Prefix, "prefix", "", "begins the names of users and groups; those of an earlier run are used again (default: a random one)")
	flags.StringVar(&o.Password, "password", "", "password of the users (default: a random one)")
	flags.StringVar(&f.usersFile, "users-file", "", "file of existing users to take, a line username:password each")
	flags.BoolVar(&o.Cleanup, "cleanup", false, "delete the groups and users in the end, also after a failure")
	flags.BoolVar(&f.json, "json", false, "print the report as JSON")
	flags.StringVar(&f.out, "out", "", "also write the report as JSON to this file")
	cmd.MarkFlagsMutuallyExclusive("senders", "rate")
	cmd.MarkFlagsMutuallyExclusive("duration", "messages")
	cmd.MarkFlagsMutuallyExclusive("password", "users-file")
	_ = cmd.MarkFlagRequired("url") // fails only for a flag that there is not
}

func (c *commands) runLoadtest(cmd *cobra.Command, f loadtestFlags) error {
	o := f.options
	if o.Messages > 0 {
		o.Duration = 0
	}
	for _, name := range []string{"users", "groups", "channels", "senders", "size", "members", "messages", "rate", "duration", "patience"} {
		if flag := cmd.Flags().Lookup(name); flag.Changed && isZero(flag.Value.String()) {
			return usagef("--%s must be more than 0", name)
		}
	}
	if f.usersFile != "" {
		var err error
		if o.Accounts, err = readAccounts(f.usersFile); err != nil {
			return usageError{err}
		}
	}
	if err := o.Check(); err != nil {
		return usageError{err}
	}
	o.Step = newProgress(c.Stderr).report
	o.Tell = func(line string) { _, _ = fmt.Fprintln(c.Stderr, line) }
	report, err := loadtest.Run(cmd.Context(), o)
	if report == nil {
		return err
	}
	if err := errors.Join(err, f.write(c.Stdout, report)); err != nil {
		return err
	}
	if !report.Verdict.OK {
		return errNotWell
	}
	return nil
}

func isZero(value string) bool { return value == "0" || value == "0s" }

// write puts the report where it was asked for.
func (f loadtestFlags) write(stdout io.Writer, report *loadtest.Report) error {
	data, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if f.out != "" {
		if err := os.WriteFile(f.out, data, 0o600); err != nil {
			return err
		}
	}
	if !f.json {
		return report.WriteText(stdout)
	}
	_, err = stdout.Write(data)
	return err
}

// readAccounts reads lines of username:password. Empty ones, and those that begin with #, are left out.
func readAccounts(path string) ([]loadtest.Account, error) {
	file, err := os.Open(path) //nolint:gosec // the user says which file
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []loadtest.Account
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, password, ok := strings.Cut(line, ":")
		if !ok || name == "" || password == "" {
			return nil, fmt.Errorf("%s:%d: must be username:password", path, n)
		}
		all = append(all, loadtest.Account{Username: strings.TrimSpace(name), Password: password})
	}
	if len(all) == 0 && lines.Err() == nil {
		return nil, fmt.Errorf("%s: no users", path)
	}
	return all, lines.Err()
}
