package rabbit

import (
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// directIndex is the first RabbitMQ whose direct exchanges find the bindings of each routing key by an index (its feature flag
// direct_exchange_routing_v2). Those before it go through all bindings of the exchange for a message with more than one key, which
// costs the more the more users are connected: see BenchmarkRouting.
var directIndex = [2]int{3, 11}

// brokerVersion is what the broker says of itself; empty if it says nothing.
func brokerVersion(c *amqp.Connection) string {
	version, _ := c.Properties["version"].(string)
	return version
}

// older says that a version, as in "3.10.8", is before the given major and minor one. What cannot be read is not.
func older(version string, than [2]int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return false
	}
	minor, err := strconv.Atoi(parts[1])
	return err == nil && (major < than[0] || major == than[0] && minor < than[1])
}
