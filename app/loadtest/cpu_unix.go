//go:build unix

package loadtest

import (
	"syscall"
	"time"
)

// cpuTime is the time that the process has spent on processors, in user mode and in the kernel.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
