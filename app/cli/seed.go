package cli

import (
	"github.com/spf13/cobra"

	"parley/app"
)

func (c *commands) seed() *cobra.Command {
	o := app.SeedOptions{Progress: c.Stderr}
	cmd := &cobra.Command{
		Use:   "seed",
		Short: "Fill the database with made-up users, groups, channels and messages",
		Long:  "Fills the database with made-up data up to the given numbers. Running it again with the same numbers adds nothing.",
		Args:  noArgs,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			for name, n := range map[string]int{"users": o.Users, "groups": o.Groups, "channels": o.Channels, "messages": o.Messages} {
				if n < 0 {
					return usagef("--%s must not be negative", name)
				}
			}
			cfg, err := c.load(cmd)
			if err != nil {
				return err
			}
			return app.Seed(cmd.Context(), cfg, c.logger(cfg), o)
		}),
	}
	cmd.Flags().IntVar(&o.Users, "users", 50, "users in all")
	cmd.Flags().IntVar(&o.Groups, "groups", 10, "groups in all")
	cmd.Flags().IntVar(&o.Channels, "channels", 40, "channels in all")
	cmd.Flags().IntVar(&o.Messages, "messages", 10000, "messages in all")
	return cmd
}
