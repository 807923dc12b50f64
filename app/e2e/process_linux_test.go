package e2e

import "syscall"

// dieWithParent has the kernel end a process when the test does, however that ends.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
