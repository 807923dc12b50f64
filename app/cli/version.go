package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"parley/app/telemetry"
)

func (c *commands) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: run(func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(c.Stdout, telemetry.ReadBuild(c.Version))
			return err
		}),
	}
}
