package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"parley/app"
)

func (c *commands) seed() *cobra.Command {
	var o app.SeedOptions
	cmd := &cobra.Command{
		Use:   "seed",
		Short: "Fill the database with made-up users, groups, channels and messages",
		Long: "Fills the database with made-up users, groups, channels and messages, until there are as many as the flags say. Running it again\n" +
			"adds what is missing, if anything is. What real users have made is neither counted nor touched. All made-up users have the\n" +
			"password " + app.SeedPassword + ", so do not seed a server that strangers can reach.",
		Example: "  parley seed --users 200 --groups 20 --channels 80 --messages 100000",
		Args:    noArgs,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			for name, n := range map[string]int{"users": o.Users, "groups": o.Groups, "channels": o.Channels, "messages": o.Messages} {
				if n < 0 {
					return usagef("--%s must not be negative", name)
				}
			}
			if err := o.Check(); err != nil {
				return usageError{err}
			}
			cfg, err := c.load(cmd)
			if err != nil {
				return err
			}
			begin := time.Now()
			added, err := app.Seed(cmd.Context(), cfg, c.logger(cfg), o, newProgress(c.Stderr).report)
			if err != nil {
				return err
			}
			_, _ = fmt.Fprint(c.Stdout, summary(added, time.Since(begin)))
			return nil
		}),
	}
	cmd.Flags().IntVar(&o.Users, "users", 50, "users in all")
	cmd.Flags().IntVar(&o.Groups, "groups", 10, "groups in all")
	cmd.Flags().IntVar(&o.Channels, "channels", 40, "channels in all; each group has one at least")
	cmd.Flags().IntVar(&o.Messages, "messages", 10000, "messages in all")
	return cmd
}

// summary says what has been added.
func summary(added app.SeedReport, took time.Duration) string {
	if added == (app.SeedReport{}) {
		return "There is as much already; nothing was added.\n"
	}
	return fmt.Sprintf("Added %d users, %d groups, %d memberships, %d channels, and %d messages with %d recipients in %s.\n"+
		"The password of made-up users is %s\n",
		added.Users, added.Groups, added.Memberships, added.Channels, added.Messages, added.Recipients,
		took.Round(10*time.Millisecond), app.SeedPassword)
}
