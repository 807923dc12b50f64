package cli

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"parley/app"
)

const nameOrID = "a user's name or id"

func (c *commands) user() *cobra.Command {
	return group("user", "Look after people's accounts",
		c.userCreate(),
		c.userList(),
		c.userDisable("disable", "Refuse a user everywhere, and end the connections that are open", "disabled", true),
		c.userDisable("enable", "Let a disabled user in again", "enabled", false),
		c.userSetPassword(),
	)
}

func (c *commands) userCreate() *cobra.Command {
	var display string
	var stdin bool
	cmd := &cobra.Command{
		Use:     "create USERNAME",
		Short:   "Create a user, also when registration is closed",
		Example: "  parley user create alice --display-name Alice\n  pwgen 20 1 | parley user create bot --password-stdin",
		Args:    oneArg("the name"),
		RunE: run(func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load(cmd)
			if err != nil {
				return err
			}
			password, err := c.password(cmd.Context(), stdin)
			if err != nil {
				return err
			}
			created, err := app.CreateUser(cmd.Context(), cfg, c.logger(cfg), args[0], display, password)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.Stdout, "created user %s with id %d\n", created.Username, created.ID)
			return err
		}),
	}
	cmd.Flags().StringVar(&display, "display-name", "", "name that others see; the username by default")
	c.passwordFlag(cmd, &stdin)
	return cmd
}

func (c *commands) userSetPassword() *cobra.Command {
	var stdin bool
	cmd := &cobra.Command{
		Use:   "set-password NAME|ID",
		Short: "Set a user's password, and sign the user out everywhere",
		Args:  oneArg(nameOrID),
		RunE: run(func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load(cmd)
			if err != nil {
				return err
			}
			password, err := c.password(cmd.Context(), stdin)
			if err != nil {
				return err
			}
			changed, err := app.SetPassword(cmd.Context(), cfg, c.logger(cfg), args[0], password)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.Stdout, "set the password of user %s\n", changed.Username)
			return err
		}),
	}
	c.passwordFlag(cmd, &stdin)
	return cmd
}

func (c *commands) passwordFlag(cmd *cobra.Command, stdin *bool) {
	cmd.Flags().BoolVar(stdin, "password-stdin", false, "read the password from standard input instead of asking for it")
}

func (c *commands) userDisable(use, short, did string, disabled bool) *cobra.Command {
	return &cobra.Command{
		Use:   use + " NAME|ID",
		Short: short,
		Args:  oneArg(nameOrID),
		RunE: run(func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load(cmd)
			if err != nil {
				return err
			}
			changed, err := app.DisableUser(cmd.Context(), cfg, c.logger(cfg), args[0], disabled)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.Stdout, "%s user %s\n", did, changed.Username)
			return err
		}),
	}
}

func (c *commands) userList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the users",
		Args:  noArgs,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load(cmd)
			if err != nil {
				return err
			}
			all, err := app.ListUsers(cmd.Context(), cfg, c.logger(cfg))
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(c.Stdout)
				enc.SetIndent("", "  ")
				return enc.Encode(all)
			}
			return c.table(all)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *commands) table(users []app.Account) error {
	w := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tUSERNAME\tDISPLAY NAME\tSTATE\tCREATED")
	for _, u := range users {
		state := "enabled"
		if u.Disabled {
			state = "disabled"
		}
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", u.ID, u.Username, u.DisplayName, state, u.CreatedAt.UTC().Format(time.RFC3339))
	}
	return w.Flush()
}
