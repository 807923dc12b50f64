//go:build !linux

package testenv

import "syscall"

func inOwnGroup(attr *syscall.SysProcAttr, _ syscall.Signal) *syscall.SysProcAttr {
	if attr == nil {
		attr = &syscall.SysProcAttr{}
	}
	attr.Setpgid = true
	return attr
}

// descendants cannot be asked for here; the servers' children end when they notice that their parent has.
func descendants(int) []int { return nil }

// EndWithParent does nothing on this system, which cannot tell.
func EndWithParent() error { return nil }
