package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"parley/app"
)

func (c *commands) token() *cobra.Command {
	return group("token", "Make access tokens", c.tokenCreate())
}

func (c *commands) tokenCreate() *cobra.Command {
	var who string
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:     "create --user NAME|ID",
		Short:   "Print an access token for a user, and nothing else",
		Example: `  curl -H "Authorization: Bearer $(parley token create --user alice)" http://127.0.0.1:8080/api/v1/me`,
		Args:    noArgs,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("ttl") && ttl <= 0 {
				return usagef("--ttl must be longer than nothing, not %s", ttl)
			}
			if who == "" {
				return usagef("--user must be %s", nameOrID)
			}
			cfg, err := c.load(cmd)
			if err != nil {
				return err
			}
			token, err := app.CreateToken(cmd.Context(), cfg, c.logger(cfg), who, ttl)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.Stdout, token)
			return err
		}),
	}
	cmd.Flags().StringVar(&who, "user", "", nameOrID)
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "life of the token, auth.access_ttl by default")
	_ = cmd.MarkFlagRequired("user") // fails only for flags that do not exist
	return cmd
}
