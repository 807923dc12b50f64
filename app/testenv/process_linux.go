package testenv

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

func inOwnGroup(attr *syscall.SysProcAttr, orphan syscall.Signal) *syscall.SysProcAttr {
	if attr == nil {
		attr = &syscall.SysProcAttr{}
	}
	attr.Setpgid = true
	attr.Pdeathsig = orphan
	return attr
}

// descendants lists the children of a process, their children, and so on.
func descendants(pid int) []int {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil // it has ended, or the kernel does not tell
	}
	var all []int
	for _, field := range strings.Fields(string(content)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			continue
		}
		all = append(append(all, child), descendants(child)...)
	}
	return all
}

// EndWithParent makes this process get SIGTERM when the one that started it
// dies: `go run` does not pass signals on when it is killed.
func EndWithParent() error {
	_, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
