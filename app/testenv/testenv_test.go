package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// victimVariable makes the test binary a process that starts a server and waits to be killed.
const victimVariable = "PARLEY_TEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victimVariable) != "" {
		os.Exit(victim())
	}
	goleak.VerifyTestMain(m)
}

func victim() int {
	s, err := newServer(context.Background(), postgres(), volatile)
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println(s.URL())
	select {}
}

func TestPostgresKeepsItsDataOverCrashAndStop(t *testing.T) {
	t.Parallel()
	s := StartPostgres(t)
	url := s.URL()
	query(t, url, "CREATE TABLE kept (n int)")
	query(t, url, "INSERT INTO kept VALUES (1)")

	require.NoError(t, s.Kill())
	require.Error(t, tryQuery(t, url, "SELECT 1"))
	require.NoError(t, s.Start())
	query(t, url, "INSERT INTO kept VALUES (2)")

	require.NoError(t, s.Stop())
	require.Error(t, tryQuery(t, url, "SELECT 1"))
	require.NoError(t, s.Start())
	require.Equal(t, url, s.URL())
	require.Equal(t, "3", query(t, url, "SELECT sum(n) FROM kept"))
}

func TestRabbitComesBackAfterCrashAndStop(t *testing.T) {
	t.Parallel()
	s := StartRabbit(t)
	require.NoError(t, s.spec.ready(t.Context()))

	require.NoError(t, s.Kill())
	require.Error(t, s.spec.ready(t.Context()))
	require.NoError(t, s.Start())
	require.NoError(t, s.spec.ready(t.Context()))

	require.NoError(t, s.Stop())
	require.Error(t, s.spec.ready(t.Context()))
	require.NoError(t, s.Start())
	require.NoError(t, s.spec.ready(t.Context()))
}

func TestStopAndKillMayBeRepeated(t *testing.T) {
	t.Parallel()
	s := StartPostgres(t)
	require.ErrorContains(t, s.Start(), "running already")
	require.NoError(t, s.Stop())
	require.NoError(t, s.Stop())
	require.NoError(t, s.Kill())
	require.NoError(t, s.Start())
	require.NoError(t, s.Kill())
	require.NoError(t, s.Kill())
	require.NoError(t, s.Stop())
}

func TestNothingIsLeftWhenTheTestEnds(t *testing.T) {
	t.Parallel()
	var dir string
	var pids []int
	t.Run("uses servers", func(t *testing.T) {
		for _, s := range []*Server{StartPostgres(t), StartRabbit(t)} {
			dir = s.dir.path
			pid := s.proc.cmd.Process.Pid
			pids = append(append(pids, pid), descendants(pid)...)
		}
	})
	require.NoDirExists(t, dir)
	requireGone(t, pids...)
}

func TestServerDiesWithItsOwner(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), victimVariable+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	buffer := make([]byte, 1024)
	n, err := out.Read(buffer)
	require.NoError(t, err)
	url := strings.TrimSpace(string(buffer[:n]))
	query(t, url, "SELECT 1")
	children := descendants(cmd.Process.Pid)

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed, as it should be
	requireGone(t, children...)
	require.Error(t, tryQuery(t, url, "SELECT 1"))
}

func TestSharedServersMustBeGiven(t *testing.T) {
	t.Setenv(PostgresVariable, "postgres://there")
	require.Equal(t, "postgres://there", PostgresURL(t))
	t.Setenv(PostgresVariable, "")
	t.Setenv(AMQPVariable, "")
	require.Contains(t, fatal(t, func(t testing.TB) { PostgresURL(t) }), "set "+PostgresVariable)
	require.Contains(t, fatal(t, func(t testing.TB) { AMQPURL(t) }), "set "+AMQPVariable)
}

func TestMissingProgramsAreFatal(t *testing.T) {
	t.Setenv("TEST_SERVICES", "elsewhere")
	message := fatal(t, func(t testing.TB) { StartRabbit(t) })
	require.Contains(t, message, "must be docker or installed")
	require.ErrorContains(t, errMissing(rabbit()), "apt-get install rabbitmq-server")
}

// fatalRecorder is a test that fails without ending the real one.
type fatalRecorder struct {
	testing.TB
	message string
}

func (r *fatalRecorder) Helper() {}

func (r *fatalRecorder) Fatalf(format string, args ...any) {
	r.message = fmt.Sprintf(format, args...)
	panic(r)
}

func fatal(t *testing.T, fn func(t testing.TB)) string {
	t.Helper()
	r := &fatalRecorder{TB: t}
	require.PanicsWithValue(t, r, func() { fn(r) })
	return r.message
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	var value string
	require.NoError(t, tryQueryInto(t, url, sql, &value))
	return value
}

func tryQuery(t *testing.T, url, sql string) error {
	t.Helper()
	var value string
	return tryQueryInto(t, url, sql, &value)
}

func tryQueryInto(t *testing.T, url, sql string, value *string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { require.NoError(t, conn.Close(ctx)) }()
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return err
	}
	if len(results) == 1 && len(results[0].Rows) == 1 {
		*value = string(results[0].Rows[0][0])
	}
	return nil
}

// requireGone waits until none of the processes exists. Servers end their
// helpers asynchronously, and orphans stay as zombies until init has seen them.
func requireGone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		require.Eventually(t, func() bool {
			return syscall.Kill(pid, 0) != nil || isZombie(pid)
		}, 20*time.Second, 20*time.Millisecond, "process %d is still there", pid)
	}
}

func isZombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}
