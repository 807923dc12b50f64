//go:build !linux

package e2e

import "syscall"

// dieWithParent has no counterpart here.
func dieWithParent() *syscall.SysProcAttr { return nil }
