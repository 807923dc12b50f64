package loadtest

import (
	"runtime"
	"time"
)

// usage is what the process has used so far.
type usage struct {
	cpu    time.Duration // 0 if unknown
	memory uint64
}

func readUsage() usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{cpuTime(), m.Sys}
}

// since is what was used since an earlier moment, for a number of deliveries.
func (u usage) since(earlier usage, deliveries int) Client {
	c := Client{CPUMS: ms(u.cpu - earlier.cpu), GoMemoryBytes: u.memory}
	if deliveries > 0 {
		c.CPUPerDeliveryUS = float64((u.cpu-earlier.cpu).Nanoseconds()/int64(deliveries)) / 1000
	}
	return c
}
