package cli

import (
	"github.com/spf13/cobra"

	"parley/app"
	"parley/app/telemetry"
)

func (c *commands) serve() *cobra.Command {
	var demo bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Runs the roles that are configured, all of them by default, until it is interrupted.\n" +
			"A first interrupt (Ctrl-C, SIGTERM) finishes what is at hand; a second one kills at once.",
		Example: "  parley serve --demo\n  parley serve --roles=worker --config /etc/parley.yaml",
		Args:    noArgs,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load(cmd)
			if err != nil {
				return err
			}
			return app.Serve(cmd.Context(), app.ServeOptions{
				Config: cfg,
				Build:  telemetry.ReadBuild(c.Version),
				Log:    telemetry.NewLogger(c.Stderr, cfg.Log.Level, cfg.Log.Format),
				Out:    c.Stdout,
				Demo:   demo,
			})
		}),
	}
	c.roleFlags(cmd)
	cmd.Flags().BoolVar(&demo, "demo", false, "seed demo users, groups and messages once, and print how to sign in")
	return cmd
}
