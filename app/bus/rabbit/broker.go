package rabbit

import (
	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/mod/semver"
)

// directIndex is the first RabbitMQ whose direct exchanges find the bindings of each routing key by an index (its feature flag
// direct_exchange_routing_v2). Those before it go through all bindings of the exchange for a message with more than one key, which
// costs the more the more users are connected: see BenchmarkRouting.
const directIndex = "v3.11"

// brokerVersion is what the broker says of itself; empty if it says nothing.
func brokerVersion(c *amqp.Connection) string {
	version, _ := c.Properties["version"].(string)
	return version
}

// scansBindings says whether a broker of that version, as in "3.10.8", is one before directIndex. What cannot be read is not.
func scansBindings(version string) bool {
	v := "v" + version
	return semver.IsValid(v) && semver.Compare(v, directIndex) < 0
}
