//go:build unix

package socket

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
)

// use is what a server process has used so far.
type use struct {
	RSS, Heap, Stack float64       // bytes
	CPU              time.Duration // user and system
	Connections      int
}

// serveAlone runs the socket layer and nothing else, until standard input ends. It first prints its URL, and then
// what it has used, for each line that it reads; a line that says "settle" has garbage collected, and given back, before.
func serveAlone() int {
	s, err := New(Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	s.OnConnect(func(_ context.Context, c *Conn, token string) error {
		c.Join(roomsOf(token)...)
		return nil
	})
	h := httptest.NewServer(s.Handler())
	defer h.Close()
	fmt.Println(h.URL)
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() == "settle" {
			for range 3 { // stacks shrink by half at a time
				runtime.GC()
			}
			debug.FreeOSMemory()
		}
		u, err := usage()
		u.Connections = s.Stats().Connections
		if err := errors.Join(err, out.Encode(u)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	s.killAll()
	return 0
}

// roomsOf is where a user belongs: itself, a group of 50, and 20 channels of the group.
func roomsOf(token string) []string {
	user, _ := strconv.Atoi(token)
	rooms := []string{fmt.Sprint("user:", user), fmt.Sprint("group:", user/50)}
	for i := range 20 {
		rooms = append(rooms, fmt.Sprint("channel:", user/50*20+i))
	}
	return rooms
}

// usage is what this process has used.
func usage() (use, error) {
	var (
		u   use
		m   runtime.MemStats
		cpu syscall.Rusage
	)
	runtime.ReadMemStats(&m)
	u.Heap, u.Stack = float64(m.HeapInuse), float64(m.StackInuse)
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &cpu); err != nil {
		return u, err
	}
	u.CPU = time.Duration(cpu.Utime.Nano() + cpu.Stime.Nano())
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return u, err
	}
	var size, resident float64
	if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
		return u, err
	}
	u.RSS = resident * float64(os.Getpagesize())
	return u, nil
}
