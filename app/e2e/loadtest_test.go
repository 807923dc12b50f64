package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/store/storetest"
	"parley/app/testenv"
)

// loadReport is what these tests read of a load test's report.
type loadReport struct {
	Setup struct {
		UsersRegistered int `json:"users_registered"`
	} `json:"setup"`
	Connect struct {
		Disconnects int `json:"disconnects"`
		Drains      int `json:"drains"`
		Reconnects  int `json:"reconnects"`
		Resyncs     int `json:"resyncs"`
	} `json:"connect"`
	Load struct {
		Accepted   int `json:"accepted"`
		Delivered  int `json:"delivered"`
		Deliveries int `json:"deliveries"`
		CaughtUp   int `json:"caught_up"`
	} `json:"load"`
	Sending struct {
		Refused int `json:"refused_503"`
	} `json:"sending"`
	Faults  map[string]int `json:"faults"`
	Verdict struct {
		OK       bool     `json:"ok"`
		Problems []string `json:"problems"`
	} `json:"verdict"`
}

// loadtest returns the command line of a load test that is spread over all socket servers.
func (c *cluster) loadtest(args ...string) []string {
	all := []string{"loadtest", "--url", c.api.url()}
	for _, s := range c.sockets {
		all = append(all, "--socket-url", s.url())
	}
	return append(all, args...)
}

// startLoadtest begins a load test, which writes its report to the returned file, and waits until messages flow.
func (c *cluster) startLoadtest(t *testing.T, args ...string) (p *process, report string) {
	t.Helper()
	report = filepath.Join(t.TempDir(), "report.json")
	p = &process{t: t, name: "loadtest", args: append(c.loadtest("--out", report), args...), env: cleanEnv()}
	p.start()
	t.Cleanup(p.kill)
	p.tells("accepted/s", 2)
	return p, report
}

// tells waits until the load test has told something n times.
func (p *process) tells(what string, n int) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return strings.Count(p.log.String(), what) >= n }, patience, pollEvery, "%s tells of no %s", p.name, what)
}

func readReport(t *testing.T, data []byte) (r loadReport) {
	t.Helper()
	require.NoError(t, json.Unmarshal(data, &r), "%s", data)
	return r
}

func TestLoadtest(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		o := command(t, nil, "", c.loadtest("--users", "20", "--channels", "3", "--messages", "500", "--warmup", "200ms", "--cleanup", "--json")...)
		require.Zero(t, o.code, o.stderr)
		r := readReport(t, []byte(o.stdout))
		require.True(t, r.Verdict.OK)
		require.Equal(t, 20, r.Setup.UsersRegistered)
		require.Equal(t, []int{500, 500, 500 * 20}, []int{r.Load.Accepted, r.Load.Delivered, r.Load.Deliveries})
		for fault, n := range r.Faults {
			require.Zero(t, n, fault)
		}
		require.NotContains(t, parley(t, c.env, "", "user", "list"), "load-", "it has cleaned up")

		o = command(t, nil, "", c.loadtest("--users", "30", "--groups", "2", "--connect-only", "--duration", "1s")...)
		require.Zero(t, o.code, o.stderr)
		require.Contains(t, o.stdout, "30 of 30 subscribed")
		require.Contains(t, o.stdout, "VERDICT: everybody was subscribed, and connected in the end\n")
	})
}

// TestLoadtestThroughCrashes: processes die while a load test runs, and its verdict is the truth, which is that all is well.
func TestLoadtestThroughCrashes(t *testing.T) {
	t.Parallel()
	c := split(t)
	p, file := c.startLoadtest(t, "--users", "20", "--senders", "8", "--duration", "8s", "--patience", "50s", "--cleanup")
	c.sockets[0].kill()
	p.tells("disconnects", 1)
	c.sockets[0].restart()
	c.worker.kill()
	c.worker.restart()
	c.sockets[1].stop()
	c.sockets[1].restart()
	p.exits(0)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	r := readReport(t, data)
	require.True(t, r.Verdict.OK)
	require.Empty(t, r.Verdict.Problems)
	require.Positive(t, r.Load.Accepted)
	require.Equal(t, r.Load.Accepted, r.Load.Delivered)
	require.Equal(t, 20*r.Load.Accepted, r.Load.Deliveries+r.Load.CaughtUp)
	require.GreaterOrEqual(t, r.Connect.Disconnects, 20, "everybody lost a server")
	require.Positive(t, r.Connect.Drains)
	require.Contains(t, p.log.String(), "VERDICT: nothing was lost, doubled or reordered\n")
}

// TestLoadtestThroughARestartOfRabbitMQ: connections stay, are told RESYNC, and the load test reads what they missed.
func TestLoadtestThroughARestartOfRabbitMQ(t *testing.T) {
	t.Parallel()
	broker := testenv.StartRabbit(t)
	c := startSplit(t, services(t, broker.URL(), storetest.PostgresURL(t)), nil)
	p, file := c.startLoadtest(t, "--users", "20", "--senders", "8", "--messages", "1500", "--warmup", "0s", "--patience", "50s") // however long the broker is away
	require.NoError(t, broker.Kill())
	require.NoError(t, broker.Start())
	p.exits(0)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	r := readReport(t, data)
	require.True(t, r.Verdict.OK)
	require.Equal(t, r.Load.Accepted, r.Load.Delivered)
	require.Positive(t, r.Sending.Refused)
	require.GreaterOrEqual(t, r.Connect.Resyncs+r.Connect.Reconnects, 20, "everybody is told")
}
