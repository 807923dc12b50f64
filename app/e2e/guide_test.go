package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/app/testenv"
)

// TestGuideShowsTheExamples: code in docs/clients.md is that of the examples, which the other tests run, word for word.
func TestGuideShowsTheExamples(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/clients.md")
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(jsExamples, "*"))
	require.NoError(t, err)
	examples := make(map[string]string)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		examples[filepath.Ext(name)] += string(text)
		if strings.HasSuffix(name, ".mjs") || strings.HasSuffix(name, ".sh") {
			require.Contains(t, string(guide), filepath.Base(name))
		}
	}
	shown := regexp.MustCompile("(?s)\n```(js|sh)\n(.*?\n)```\n").FindAllStringSubmatch(string(guide), -1)
	require.Greater(t, len(shown), 10)
	for _, block := range shown {
		extension := map[string]string{"js": ".mjs", "sh": ".sh"}[block[1]]
		require.Contains(t, examples[extension], block[2], "not in docs/examples/*%s any more", extension)
	}
}

// TestExampleTour: the guide's way with curl.
func TestExampleTour(t *testing.T) {
	t.Parallel()
	require.NoError(t, testenv.NeedPrograms(t.Context(), map[string]string{"curl": "curl", "jq": "jq"}))
	inEachSetup(t, func(t *testing.T, c *cluster) {
		ann, ben := c.person(t, "ann"), c.person(t, "ben")
		general := ann.group("friends", ben).Channels[0]
		for _, content := range []string{"Hello", "is anybody there?"} {
			ben.send(general, "before-"+content[:2], content)
		}
		require.Eventually(t, func() bool { return len(ben.history(general)) == 2 }, patience, pollPause)
		out, err := exec.Command("sh", filepath.Join(jsExamples, "tour.sh"), c.front(t).url, "ann", password).CombinedOutput()
		require.NoError(t, err, "%s", out)
		said := string(out)
		require.Contains(t, said, "has 2 messages, 2 of them unread")
		require.Equal(t, 2, strings.Count(said, `"acceptedAt"`))
		require.Contains(t, said, "Hello from curl!")
		require.Contains(t, said, `"readSeq":3`)
		require.Contains(t, said, " SENT since ")
		require.Len(t, ann.history(general), 3, "sent twice, kept once")
	})
}

// TestExamplePeople: presence, typing and a personal message.
func TestExamplePeople(t *testing.T) {
	t.Parallel()
	inEachSetup(t, func(t *testing.T, c *cluster) {
		ann, ben := c.person(t, "ann"), c.person(t, "ben")
		general := ann.group("friends", ben).Channels[0]
		phone := ben.device(1, general)
		cmd := jsProgram(t, []string{c.front(t).url, "ann", password, "ben", "Hello Ben!"},
			filepath.Join(jsExamples, "people.mjs"), filepath.Join(jsExamples, "parley.mjs"))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Equal(t, "ben is online\nkept as number 1\n1 ann: Hello Ben!\n", string(out))
		phone.await(func() bool { return summary(phone.events)["PERSONAL_MESSAGE_RECEIVE"] == 1 }, "the message")
		phone.await(func() bool { return summary(phone.events)["TYPING"] == 2 }, "who is writing, and is not any more")
	})
}
