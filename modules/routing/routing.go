// Package routing brings events to the connections that want them. Each
// socket server owns one inbox on the bus; the Bindings keep the inbox bound to
// exactly the keys that its connections need, and the Router hands what arrives
// to the room of the same name. Nothing here, nor anywhere else, knows which user is on which server.
package routing

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
)

var unsafeInQueueName = regexp.MustCompile(`[^a-zA-Z0-9_-]+`)

// NewServerID makes the name under which a socket server's inbox is known: the
// host's name, for the operator who lists queues, and random digits, since an
// old inbox may live on for a moment after a crash.
func NewServerID() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "server"
	}
	host = strings.Trim(unsafeInQueueName.ReplaceAllString(host, "-"), "-")
	if len(host) > 40 {
		host = host[:40]
	}
	random := make([]byte, 6)
	_, _ = rand.Read(random) // never fails: crypto/rand
	return host + "-" + hex.EncodeToString(random)
}
