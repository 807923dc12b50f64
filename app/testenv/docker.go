package testenv

import (
	"context"
	"crypto/rand"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Images are of the versions that configs/compose.yaml deploys.
const (
	postgresImage = "postgres:17-alpine"
	rabbitImage   = "rabbitmq:3.13-alpine"
)

// dockerAnswers says whether there is an engine; a client alone is no use.
func dockerAnswers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, "docker", "info").Run() == nil
}

func postgresContainer(d durability) (spec, error) {
	port, err := FreePort()
	if err != nil {
		return spec{}, err
	}
	c := newContainer(port, 5432)
	c.options = []string{"--volume", c.name + ":/var/lib/postgresql/data", "--env", "POSTGRES_HOST_AUTH_METHOD=trust"}
	c.image, c.arguments = postgresImage, append([]string{"postgres"}, postgresSettings(d)...)
	return postgresSpec(port, c.spec(syscall.SIGINT)), nil
}

func rabbitContainer(durability) (spec, error) {
	port, err := FreePort()
	if err != nil {
		return spec{}, err
	}
	c := newContainer(port, 5672)
	// The broker's data belong to its node name, and so to the host name.
	c.options = []string{"--volume", c.name + ":/var/lib/rabbitmq", "--hostname", "parley-test"}
	c.image = rabbitImage
	return rabbitSpec(port, c.spec(syscall.SIGTERM)), nil
}

// container is a server run by `docker run` in the foreground, which passes
// signals on and ends with it: so it is handled like any other process. Its
// data are in a volume that outlives it until the server is discarded.
type container struct {
	name      string // of the container and of its volume
	publish   string
	options   []string
	image     string
	arguments []string
}

func newContainer(port, inside int) *container {
	return &container{
		name:    "parley-test-" + strings.ToLower(rand.Text()),
		publish: fmt.Sprintf("127.0.0.1:%d:%d", port, inside),
	}
}

// spec runs the container; orphan makes its server shut down.
func (c *container) spec(orphan syscall.Signal) spec {
	return spec{
		orphan: orphan,
		command: func() *exec.Cmd {
			args := []string{"run", "--rm", "--name", c.name, "--publish", c.publish}
			args = append(append(args, c.options...), c.image)
			return exec.Command("docker", append(args, c.arguments...)...)
		},
		kill:    func() error { return docker("kill", c.name) },
		discard: func() error { return docker("volume", "rm", "--force", c.name) },
	}
}

func docker(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
