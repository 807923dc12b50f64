package cli

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"parley/app"
	"parley/app/store"
)

func (c *commands) migrate() *cobra.Command {
	return group("migrate", "Look after the database's schema",
		c.migrateTo(store.Up, "Bring the schema up to date; safe to run from several processes at once", "applied", "The schema is up to date."),
		c.migrateTo(store.Down, "Take the latest migration back, with the data that it holds", "took back", "There is no migration to take back."),
		c.migrationStatus(),
	)
}

func (c *commands) migrateTo(d store.Direction, short, did, nothing string) *cobra.Command {
	return &cobra.Command{
		Use:   string(d),
		Short: short,
		Args:  noArgs,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load(cmd)
			if err != nil {
				return err
			}
			steps, err := app.Migrate(cmd.Context(), cfg, c.logger(cfg), d)
			if err != nil {
				return err
			}
			for _, s := range steps {
				_, _ = fmt.Fprintf(c.Stdout, "%s %s in %s\n", did, s.Name, s.Took.Round(time.Millisecond))
			}
			if len(steps) == 0 {
				_, _ = fmt.Fprintln(c.Stdout, nothing)
			}
			return nil
		}),
	}
}

func (c *commands) migrationStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "List the migrations, and which are applied",
		Args:  noArgs,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load(cmd)
			if err != nil {
				return err
			}
			all, err := app.MigrationStatus(cmd.Context(), cfg, c.logger(cfg))
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
			_, _ = fmt.Fprintln(w, "VERSION\tNAME\tAPPLIED")
			for _, m := range all {
				applied := "pending"
				if !m.AppliedAt.IsZero() {
					applied = m.AppliedAt.UTC().Format(time.RFC3339)
				}
				_, _ = fmt.Fprintf(w, "%d\t%s\t%s\n", m.Version, m.Name, applied)
			}
			return w.Flush()
		}),
	}
}
