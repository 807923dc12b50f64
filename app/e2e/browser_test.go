package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/testenv"
)

// browserFolder has the scenarios of the web client, and what runs them in Chromium.
const browserFolder = "browser"

// scenarioLimit bounds a scenario, and scenarioMargin what it takes to say why one has failed.
const (
	scenarioLimit  = 6 * time.Minute
	scenarioMargin = 30 * time.Second
)

// picturesVariable is the folder for the pictures of the documentation. Without it, they are made all the same, and thrown away.
const picturesVariable = "PARLEY_SCREENSHOTS"

// browserScenario is a file browser/NAME.mjs, and where it is played.
type browserScenario struct {
	name   string
	setups []setup
}

// browserScenarios are listed with those first that take longest.
func browserScenarios() []browserScenario {
	all := setups()
	one, both := all[:1], []setup{all[0], all[2]}
	return []browserScenario{
		{"access", one},
		{"outage", both},
		{"long", one},
		{"conversation", both},
		{"offline", both},
		{"removal", both},
		{"beginning", one},
		{"tabs", one},
		{"keyboard", one},
		{"mobile", one},
		{"finding", one},
		{"appearance", one},
		{"hostile", one},
		{"figures", one},
		{"pictures", []setup{{"demo", startDemo}}},
		{"policy", one},
	}
}

// TestBrowser plays scenarios with the web client in one Chromium, each with a deployment of its own. An error that a page reports, and
// nobody expects, fails its scenario.
func TestBrowser(t *testing.T) {
	b := startBrowser(t)
	for _, scenario := range browserScenarios() {
		for _, setup := range scenario.setups {
			t.Run(scenario.name+" in "+setup.name, func(t *testing.T) {
				t.Parallel()
				b.play(t, scenario.name, setup.start(t, nil))
			})
		}
	}
}

// browser is a Chromium, driven by browser/run.mjs.
type browser struct {
	js       *jsClients
	evidence string // where what failed scenarios leave behind is put
	pictures string
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	executable, err := testenv.Chromium(t.Context())
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(browserFolder, "*.mjs"))
	require.NoError(t, err)
	b := &browser{
		js:       startDriver(t, append([]string{filepath.Join(browserFolder, "run.mjs")}, files...)...),
		evidence: filepath.Join(os.TempDir(), "parley-browser"),
		pictures: os.Getenv(picturesVariable),
	}
	if b.pictures == "" {
		b.pictures = t.TempDir()
	}
	b.pictures, err = filepath.Abs(b.pictures)
	require.NoError(t, err)
	b.js.do("launch", args{"executable": executable}, nil)
	t.Cleanup(func() { b.js.do("close", nil, nil) })
	return b
}

// play plays a scenario with a deployment, whose processes it may kill.
func (b *browser) play(t *testing.T, scenario string, c *cluster) {
	t.Helper()
	f := c.front(t)
	a := args{
		"scenario":   scenario,
		"url":        f.url,
		"oneProcess": c.api == c.sockets[0],
		"limit":      scenarioLimit.Milliseconds(),
		"evidence":   filepath.Join(b.evidence, strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())),
		"pictures":   b.pictures,
	}
	var said struct{ Notes []string }
	b.js.doMeanwhile(t, "play", a, &said, scenarioLimit+scenarioMargin, func(wish jsWish) (any, error) {
		return c.grant(t, f, wish)
	})
	for _, note := range said.Notes {
		t.Log(note)
	}
}

// grant does for a scenario what a page cannot: it is the operator of the deployment.
func (c *cluster) grant(t *testing.T, f *front, wish jsWish) (any, error) {
	t.Helper()
	var given struct {
		Process string   // "api", "worker", "socket-1" or "socket-2"; in one process, all of them are the same
		Command []string // of parley
	}
	if err := json.Unmarshal(wish.Given, &given); err != nil {
		return nil, err
	}
	processes := map[string]*process{"api": c.api, "worker": c.worker, "socket-1": c.sockets[0], "socket-2": c.sockets[len(c.sockets)-1]}
	p := processes[given.Process]
	switch {
	case wish.Do == "kill" && p != nil:
		p.kill()
	case wish.Do == "restart" && p != nil:
		p.restart()
	case wish.Do == "cut":
		f.cut()
	case wish.Do == "command":
		return parley(t, c.env, "", given.Command...), nil
	default:
		return nil, fmt.Errorf("nobody knows how to %s %s", wish.Do, wish.Given)
	}
	return nil, nil
}
