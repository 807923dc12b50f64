package testenv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func rabbit() kind {
	return kind{
		name:      "RabbitMQ",
		pkg:       "rabbitmq-server",
		variable:  AMQPVariable,
		installed: installedRabbit,
		container: rabbitContainer,
		find: func() error {
			_, err := findRabbit()
			return err
		},
	}
}

// findRabbit returns the script rabbitmq-server itself, with all links
// resolved. Debian's one in PATH is a wrapper that insists on its own account and directories.
func findRabbit() (string, error) {
	places := []string{"/usr/lib/rabbitmq/bin", "/usr/local/lib/rabbitmq/bin", "/opt/rabbitmq/sbin"}
	places = append(places, filepath.SplitList(os.Getenv("PATH"))...)
	for _, dir := range places {
		if path := filepath.Join(dir, "rabbitmq-server"); isProgram(path) {
			return filepath.EvalSymlinks(path)
		}
	}
	return "", errMissing(rabbit())
}

func installedRabbit(_ context.Context, dir string, _ durability, attempt int) (spec, error) {
	script, err := findRabbit()
	if err != nil {
		return spec{}, err
	}
	port, err := FreePort()
	if err != nil {
		return spec{}, err
	}
	distPort, err := FreePort()
	if err != nil {
		return spec{}, err
	}
	node := rabbitNode{dir: dir, port: port, distPort: distPort}
	if err := node.writeFiles(); err != nil {
		return spec{}, err
	}
	if attempt == 0 {
		// Without the short cut it only takes longer, so it is not insisted on.
		if err := node.linkModules(script); err != nil {
			return spec{}, err
		}
	}
	return rabbitSpec(port, spec{
		orphan: syscall.SIGKILL,
		command: func() *exec.Cmd {
			cmd := exec.Command(script)
			cmd.Dir = dir
			cmd.Env = append(environmentWithout("RABBITMQ_", "ERL_", "HOME="), node.environment()...)
			return cmd
		},
	}), nil
}

// rabbitSpec fills in what an installed broker and a container have in common.
func rabbitSpec(port int, s spec) spec {
	s.name = rabbit().name
	s.url = fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", port)
	s.stop = syscall.SIGTERM
	s.ready = func(ctx context.Context) error { return greetAMQP(ctx, port) }
	return s
}

// greetAMQP opens a connection as far as the broker's first frame: a port that
// is open, as Docker's are from the start, does not mean that anyone answers.
func greetAMQP(ctx context.Context, port int) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := conn.Write([]byte("AMQP\x00\x00\x09\x01")); err != nil {
		return err
	}
	var frameType [1]byte
	if _, err := conn.Read(frameType[:]); err != nil {
		return err
	}
	if frameType[0] != 1 {
		return errors.New("the broker does not speak AMQP 0-9-1")
	}
	return nil
}

// rabbitNode is a broker that shares nothing with others on the machine: not
// its node name, ports, directories or cookie, and not even the port mapper.
type rabbitNode struct {
	dir            string
	port, distPort int
	modules        bool // linkModules was there
}

func (n *rabbitNode) path(name string) string { return filepath.Join(n.dir, name) }

func (n *rabbitNode) writeFiles() error {
	config := fmt.Sprintf("listeners.tcp.default = 127.0.0.1:%d\n"+
		"loopback_users = none\n"+
		"log.file = false\nlog.console = true\nlog.console.level = warning\n", n.port)
	return errors.Join(
		os.Mkdir(n.path("home"), 0o700), // where Erlang keeps its cookie
		os.WriteFile(n.path("rabbitmq.conf"), []byte(config), 0o600),
		os.WriteFile(n.path("enabled_plugins"), []byte("[].\n"), 0o600),
	)
}

func (n *rabbitNode) environment() []string {
	name := fmt.Sprintf("parley-test-%d@localhost", n.port)
	// Starting as a distributed node already, at an agreed port, spares the broker the port mapper epmd, which would be
	// started as a daemon that outlives it.
	arguments := fmt.Sprintf("-noinput -sname %s -setcookie parley-test -start_epmd false -erl_epmd_port %d "+
		"-kernel inet_dist_use_interface {127,0,0,1}", name, n.distPort)
	environment := []string{
		"HOME=" + n.path("home"),
		"RABBITMQ_NODENAME=" + name,
		"RABBITMQ_CONFIG_FILE=" + n.path("rabbitmq.conf"),
		"RABBITMQ_CONF_ENV_FILE=" + os.DevNull,
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + n.path("enabled_plugins"),
		"RABBITMQ_MNESIA_BASE=" + n.path("rabbit"),
		"RABBITMQ_LOG_BASE=" + n.path("rabbit-log"),
		"RABBITMQ_ALLOW_INPUT=1", // makes the script become the broker, instead of waiting for it as a child
	}
	if n.modules {
		arguments += " -pa " + n.path("modules")
		environment = append(environment, "RABBITMQ_PLUGINS_DIR="+n.path("plugins"))
	}
	return append(environment, "RABBITMQ_SERVER_START_ARGS="+arguments)
}

// linkModules cuts the broker's start to a third. Erlang looks for each of some
// 800 modules in a hundred directories, 50,000 failing look-ups in all; here
// it finds them in one directory of links. What it takes for the directory of
// plugins has only those parts in it whose settings it reads.
func (n *rabbitNode) linkModules(script string) error {
	plugins := filepath.Join(filepath.Dir(script), "..", "plugins")
	erl, err := exec.LookPath("erl")
	if err != nil {
		return nil //nolint:nilerr // an unusual installation, but the broker knows where its Erlang is
	}
	if erl, err = filepath.EvalSymlinks(erl); err != nil {
		return err
	}
	libraries := filepath.Join(filepath.Dir(erl), "..", "lib")
	if strings.ContainsAny(n.dir+plugins+libraries, " \t*?[") {
		return nil // neither a glob nor the scripts of the broker would take these for one path
	}
	parts, err := filepath.Glob(filepath.Join(plugins, "rabbit-[0-9]*"))
	if err != nil || len(parts) == 0 {
		return err
	}
	if err := linkInto(n.path("plugins"), parts); err != nil {
		return err
	}
	for _, from := range []string{libraries, plugins} {
		files, err := filepath.Glob(filepath.Join(from, "*", "ebin", "*.beam"))
		if err != nil {
			return err
		}
		if err := linkInto(n.path("modules"), files); err != nil {
			return err
		}
	}
	n.modules = true
	return nil
}

// linkInto fills a directory with links to the files. The first of a name wins.
func linkInto(dir string, files []string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, file := range files {
		err := os.Symlink(file, filepath.Join(dir, filepath.Base(file)))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
