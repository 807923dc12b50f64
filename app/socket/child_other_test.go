//go:build !unix

package socket

// serveAlone is for the benchmarks that only run where a process's use of the machine can be read.
func serveAlone() int { return 2 }
