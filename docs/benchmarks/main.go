// Command benchmarks repeats every measurement of docs/benchmarks.md, those of the peers included, and writes the figures, their tables and
// plots. It runs on Linux, beside a PostgreSQL server and a RabbitMQ broker that nothing else uses meanwhile:
//
//	go run ./app/testenv/cmd/withservices -- go -C docs/benchmarks run .
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"parley/docs/benchmarks/deploy"
	"parley/docs/benchmarks/fanout"
	"parley/docs/benchmarks/figures"
)

func main() {
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

func start() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 3 && os.Args[1] == fanout.ServeArgument {
		return fanout.Serve(ctx, fanout.Server(os.Args[2]))
	}
	return run(ctx)
}

// options are the command line.
type options struct {
	only   *regexp.Regexp
	quick  bool
	runs   int
	render bool
	out    string
	report string
	cache  string
}

func parse() (options, error) {
	only := flag.String("only", "", "measure only the rows whose name matches this regular expression; the others keep their figures")
	quick := flag.Bool("quick", false, "measure everything once and shortly, to see that it works; into DIR/quick")
	runs := flag.Int("runs", 3, "how often a figure is measured; once with -quick")
	render := flag.Bool("render", false, "measure nothing: write tables and plots of the figures that there are")
	out := flag.String("out", ".", "directory for results.json and the plots")
	report := flag.String("report", "", "Markdown file with places for the tables; with the default DIR, ../benchmarks.md")
	cache := flag.String("cache", "", "directory in which peers are installed (default: in the user's cache)")
	flag.Parse()
	if *runs < 1 {
		return options{}, errors.New("-runs must be at least 1")
	}
	if flag.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected arguments: %q", flag.Args())
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return options{}, err
	}
	o := options{only: pattern, quick: *quick, runs: *runs, render: *render, out: *out, report: *report, cache: *cache}
	if o.report == "" && o.out == "." && !o.quick {
		o.report = filepath.Join("..", "benchmarks.md")
	}
	if o.quick {
		o.out = filepath.Join(o.out, "quick")
	}
	if o.cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return options{}, err
		}
		o.cache = filepath.Join(user, "parley-benchmarks")
	}
	return o, errors.Join(os.MkdirAll(o.out, 0o755), os.MkdirAll(o.cache, 0o755)) //nolint:gosec // to be read by everybody
}

func run(ctx context.Context) error {
	o, err := parse()
	if err != nil {
		return err
	}
	path := filepath.Join(o.out, "results.json")
	results, err := figures.Load(path)
	if err != nil {
		return err
	}
	if !o.render {
		if err := measure(ctx, o, results, path); err != nil {
			return err
		}
	}
	return render(o, results)
}

// measure measures the rows, and saves the figures after each. A row that fails does not keep the others from being measured.
func measure(ctx context.Context, o options, results *figures.Results, path string) (err error) {
	lab, err := deploy.NewLab(ctx, filepath.Join("..", ".."), o.cache)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	b := &bench{lab: lab, results: results, quick: o.quick, times: o.runs}
	results.Quick = o.quick
	if results.Machine, err = machine(ctx, lab); err != nil {
		return err
	}
	var failed []error
	for _, row := range rows() {
		if !o.only.MatchString(row.name) || ctx.Err() != nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "=== %s: %s\n", row.name, row.title)
		began := time.Now()
		results.Begin(row.name)
		b.row = row.name
		if err := row.measure(ctx, b); err != nil {
			err = fmt.Errorf("%s: %w", row.name, err)
			fmt.Fprintln(os.Stderr, err)
			failed = append(failed, err)
			results.Note(row.name, "This row could not be measured completely: %v", err)
		}
		fmt.Fprintf(os.Stderr, "%s    (%.0f s)\n", results.Table(row.name, row.x), time.Since(began).Seconds())
		if err := results.Save(path); err != nil {
			return err
		}
	}
	return errors.Join(append(failed, ctx.Err())...)
}
