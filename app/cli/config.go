package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (c *commands) config() *cobra.Command {
	show := &cobra.Command{
		Use:   "print",
		Short: "Print the configuration that is in effect, with secrets masked",
		Args:  noArgs,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load(cmd)
			if err != nil {
				return err
			}
			return cfg.Print(c.Stdout)
		}),
	}
	check := &cobra.Command{
		Use:   "check",
		Short: "Say what is wrong with the configuration, if anything is",
		Args:  noArgs,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			if _, err := c.load(cmd); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.Stdout, "The configuration is valid.")
			return err
		}),
	}
	c.roleFlags(show)
	c.roleFlags(check)
	return group("config", "Look at the configuration", show, check)
}
