package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// errMissing says what to do about a program that is not installed.
func errMissing(k kind) error {
	return fmt.Errorf("%s is not installed: install the package %s (on Debian and Ubuntu `sudo apt-get install %s`), or start Docker",
		k.name, k.pkg, k.pkg)
}

// aptScript installs the packages that it is given, without letting them start
// the services they bring: those would take the default ports and outlive the tests.
const aptScript = `set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=300 update
apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
if [ -d /run/systemd/system ]; then
    for service in postgresql rabbitmq-server; do
        case " $* " in *" $service "*) systemctl --quiet disable "$service" ;; esac
    done
fi
`

// Install installs Debian packages, if this account may without being asked for a password.
func Install(ctx context.Context, out io.Writer, packages ...string) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("there is no apt-get to install it with")
	}
	shell := []string{"sh", "-c", aptScript, "install"}
	if os.Geteuid() != 0 {
		if err := exec.CommandContext(ctx, "sudo", "-n", "true").Run(); err != nil {
			return errors.New("only root may install it")
		}
		shell = append([]string{"sudo", "-n"}, shell...)
	}
	fmt.Fprintf(out, "installing %s, which takes a minute\n", strings.Join(packages, " and "))
	cmd := exec.CommandContext(ctx, shell[0], append(shell[1:], packages...)...)
	// Killing the script would leave what keeps services from starting in place.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if log, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("installing %v: %w\n%s", packages, err, log)
	}
	return nil
}
