package loadtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"parley/app/loadtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small is a load test that takes a moment.
func small(f *fake) loadtest.Options {
	return loadtest.Options{URL: f.url, Users: 3, Channels: 2, Senders: 4, Messages: 60, Patience: 5 * time.Second}
}

// impatient is for runs in which something stays missing.
func impatient(f *fake) loadtest.Options {
	o := small(f)
	o.Patience = time.Second
	return o
}

func runOf(t *testing.T, o loadtest.Options) *loadtest.Report {
	t.Helper()
	report, err := loadtest.Run(t.Context(), o)
	require.NoError(t, err)
	return report
}

func TestAllIsWell(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	o := small(f)
	o.Cleanup = true
	r := runOf(t, o)
	require.Equal(t, loadtest.Verdict{OK: true, Problems: []string{}}, r.Verdict)
	require.Equal(t, loadtest.Faults{}, r.Faults)
	require.Equal(t, 60, r.Load.Sent)
	require.Equal(t, 60, r.Load.Accepted)
	require.Equal(t, 60, r.Load.Delivered)
	require.Equal(t, 180, r.Load.Deliveries)
	require.EqualValues(t, 180, r.Load.DeliveryMS.Count)
	require.EqualValues(t, 60, r.Load.AcceptMS.Count)
	require.Positive(t, r.Load.DeliveredPerSecond)
	require.LessOrEqual(t, r.Load.DeliveryMS.P50MS, r.Load.DeliveryMS.P99MS)
	require.Equal(t, 3, r.Connect.Subscribed)
	require.Equal(t, loadtest.Setup{UsersRegistered: 3, GroupsCreated: 1, MembersAdded: 2, TookMS: r.Setup.TookMS}, r.Setup)
	require.Equal(t, 3, f.count("DELETE /me"))
	require.Equal(t, 1, f.count("DELETE /groups/{g}"))

	var text bytes.Buffer
	require.NoError(t, r.WriteText(&text))
	require.Contains(t, text.String(), "VERDICT: nothing was lost, doubled or reordered\n")
	require.Contains(t, text.String(), "####")
	data, err := json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, string(data), `"delivered_per_second":`)
	require.Contains(t, string(data), `"p99_9_ms":`)
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	o := small(f)
	o.Messages, o.Rate, o.Duration, o.Receipts = 0, 100, time.Second, 50*time.Millisecond
	r := runOf(t, o)
	require.True(t, r.Verdict.OK, "%v", r.Verdict.Problems)
	require.Greater(t, r.Receipts.Told, 10)
	require.Equal(t, 1, r.Receipts.Refused)
	require.InDelta(t, r.Receipts.Told, r.Receipts.Acknowledged+r.Receipts.Refused, 6, "the last ones may be on their way")
	var text bytes.Buffer
	require.NoError(t, r.WriteText(&text))
	require.Contains(t, text.String(), "1 refused")
	require.Contains(t, text.String(), "send to receive, beside receipts")
	require.Greater(t, r.Receipts.DeliveryMS.Count, int64(200), "all of 300 but those of before the first time")
	require.LessOrEqual(t, r.Receipts.DeliveryMS.Count, r.Load.DeliveryMS.Count)
	seen := make(map[string]int)
	for _, told := range f.receipts {
		require.Regexp(t, `^\["MESSAGE_READ",\{"channelId":10[01],"seq":\d+\}\]$`, told)
		seen[told]++
		require.LessOrEqual(t, seen[told], 3, "each member once: %s", told)
	}
}

// The placebo's events take the place of receipts, and are to be refused.
func TestPlacebo(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	o := small(f)
	o.Messages, o.Rate, o.Duration, o.Receipts, o.Placebo = 0, 100, 500*time.Millisecond, 50*time.Millisecond, true
	r := runOf(t, o)
	require.True(t, r.Verdict.OK, "%v", r.Verdict.Problems)
	require.True(t, r.Settings.Placebo)
	require.Zero(t, r.Receipts.Refused)
	require.InDelta(t, r.Receipts.Told, r.Receipts.Acknowledged, 6, "the last ones may be on their way")
	require.NotEmpty(t, f.receipts)
	for _, told := range f.receipts {
		require.Regexp(t, `^\["PLACEBO_READ",\{"channelId":10[01],"seq":\d+\}\]$`, told)
	}
	var text bytes.Buffer
	require.NoError(t, r.WriteText(&text))
	require.Contains(t, text.String(), "send to receive, beside placebos")
}

func TestOpenLoop(t *testing.T) {
	t.Parallel()
	o := small(newFake(t, nil))
	o.Messages, o.Rate, o.Duration, o.Warmup = 0, 200, 300*time.Millisecond, 100*time.Millisecond
	r := runOf(t, o)
	require.True(t, r.Verdict.OK, r.Verdict.Problems)
	require.Equal(t, 60, r.Load.Delivered, "without the warm-up")
	require.Equal(t, 80, r.Sending.Accepted, "with it")
}

// A server that is slow makes the messages behind it wait; the time of sending that counts is when each was due.
func TestLatencyCountsFromThePlannedTime(t *testing.T) {
	t.Parallel()
	slow := 0
	o := small(newFake(t, func(f *fake) {
		f.answer = func(_ http.ResponseWriter, r *http.Request) bool {
			if slow++; strings.HasSuffix(r.URL.Path, "/messages") && r.Method == http.MethodPost && slow < 100 {
				slow = 100
				<-time.After(200 * time.Millisecond)
			}
			return false
		}
	}))
	o.Messages, o.Rate = 20, 100
	r := runOf(t, o)
	require.True(t, r.Verdict.OK, r.Verdict.Problems)
	require.Greater(t, r.Load.DeliveryMS.P50MS, 50.0, "half of the messages were due while the server slept")
}

func TestClosedLoopForSomeTime(t *testing.T) {
	t.Parallel()
	o := small(newFake(t, nil))
	o.Messages, o.Duration, o.Warmup = 0, 100*time.Millisecond, 50*time.Millisecond
	var lines []string
	o.Tell = func(line string) { lines = append(lines, line) }
	r := runOf(t, o)
	require.True(t, r.Verdict.OK, r.Verdict.Problems)
	require.Positive(t, r.Load.Accepted)
	require.Greater(t, r.Sending.Accepted, r.Load.Accepted, "the warm-up is no part of it")
	require.Equal(t, 3*r.Load.Accepted, r.Load.Deliveries)
}

func TestConnectOnly(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	o := loadtest.Options{URL: f.url, Users: 20, Groups: 2, ConnectOnly: true, Duration: 50 * time.Millisecond}
	r := runOf(t, o)
	require.True(t, r.Verdict.OK, r.Verdict.Problems)
	require.Nil(t, r.Load)
	require.Equal(t, 20, r.Connect.Subscribed)
	require.EqualValues(t, 20, r.Connect.SubscribedMS.Count)
	require.Positive(t, r.Connect.StormMS)
	require.Zero(t, f.count("POST /groups/{g}/channels/{c}/messages"))
	var text bytes.Buffer
	require.NoError(t, r.WriteText(&text))
	require.Contains(t, text.String(), "VERDICT: everybody was subscribed, and connected in the end\n")
}

// Users and groups of an earlier run are used again, and what was said in them is no fault.
func TestRunningAgain(t *testing.T) {
	t.Parallel()
	o := small(newFake(t, nil))
	o.Prefix, o.Password = "again", "the same one"
	require.True(t, runOf(t, o).Verdict.OK)
	r := runOf(t, o)
	require.True(t, r.Verdict.OK, r.Verdict.Problems)
	require.Equal(t, loadtest.Setup{UsersReused: 3, GroupsReused: 1, TookMS: r.Setup.TookMS}, r.Setup)
	require.Equal(t, 60, r.Load.Delivered)
	o.Password = "another one"
	_, err := loadtest.Run(t.Context(), o)
	require.ErrorContains(t, err, "there is a user again-0 with another password: give --password as it was, or another --prefix")
}

func TestManyGroupsAndOfflineMembers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ users, members, groups, registered, listeners int }{
		"everybody in all":     {users: 4, members: 4, groups: 3, registered: 4, listeners: 4},
		"a group each":         {users: 6, members: 2, groups: 3, registered: 6, listeners: 2},
		"overlapping":          {users: 6, members: 4, groups: 3, registered: 6, listeners: 4},
		"some are offline":     {users: 2, members: 250, groups: 1, registered: 250, listeners: 2},
		"not a whole multiple": {users: 5, members: 2, groups: 3, registered: 5, listeners: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := small(newFake(t, nil))
			o.Users, o.Members, o.Groups = tt.users, tt.members, tt.groups
			r := runOf(t, o)
			require.True(t, r.Verdict.OK, r.Verdict.Problems)
			require.Equal(t, tt.registered, r.Setup.UsersRegistered)
			require.Equal(t, tt.groups*(tt.members-1), r.Setup.MembersAdded)
			require.Equal(t, 60*tt.listeners, r.Load.Deliveries)
		})
	}
}

func TestRegistrationClosed(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(f *fake) {
		f.users = []*fakeUser{{ID: 1, Username: "ann", password: "secret of ann"}, {ID: 2, Username: "ben", password: "secret of ben"}}
		f.answer = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/api/v1/auth/register" {
				problem(w, http.StatusForbidden, "registration_closed")
				return true
			}
			return false
		}
	})
	o := small(f)
	o.Users, o.Cleanup = 2, true
	_, err := loadtest.Run(t.Context(), o)
	require.ErrorContains(t, err, "auth.registration: open")
	require.ErrorContains(t, err, "--users-file")

	o.Accounts = []loadtest.Account{{"ann", "secret of ann"}, {"ben", "secret of ben"}}
	r := runOf(t, o)
	require.True(t, r.Verdict.OK, r.Verdict.Problems)
	require.Equal(t, 2, r.Setup.UsersReused)
	require.Zero(t, f.count("DELETE /me"), "they are not ours to delete")
	require.Equal(t, 1, f.count("DELETE /groups/{g}"))

	o.Accounts[1].Password = "wrong"
	_, err = loadtest.Run(t.Context(), o)
	require.ErrorContains(t, err, "user ben: POST /auth/login: status 401 invalid_credentials")
}

func TestCleanup(t *testing.T) {
	t.Parallel()
	t.Run("after an interrupt", func(t *testing.T) {
		t.Parallel()
		f := newFake(t, nil)
		o := small(f)
		o.Messages, o.Duration, o.Cleanup = 0, time.Hour, true
		ctx, cancel := context.WithCancel(t.Context())
		o.Tell = func(string) { cancel() }
		_, err := loadtest.Run(ctx, o)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "interrupted")
		require.Equal(t, 3, f.count("DELETE /me"))
		require.Equal(t, 1, f.count("DELETE /groups/{g}"))
	})
	t.Run("after a failure", func(t *testing.T) {
		t.Parallel()
		f := newFake(t, func(f *fake) {
			f.answer = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/members") {
					problem(w, http.StatusForbidden, "forbidden")
					return true
				}
				return false
			}
		})
		o := small(f)
		o.Cleanup = true
		_, err := loadtest.Run(t.Context(), o)
		require.ErrorContains(t, err, "status 403 forbidden: No.")
		require.Equal(t, 3, f.count("DELETE /me"))
		require.Equal(t, 1, f.count("DELETE /groups/{g}"))
	})
	t.Run("of a server that deletes no users", func(t *testing.T) {
		t.Parallel()
		o := small(newFake(t, func(f *fake) { f.noUsers = true }))
		o.Cleanup = true
		var told []string
		o.Tell = func(line string) { told = append(told, line) }
		require.True(t, runOf(t, o).Verdict.OK)
		require.Contains(t, told[len(told)-1], "This server cannot delete users: the 3 with names from load-")
	})
	t.Run("with tokens that have expired", func(t *testing.T) {
		t.Parallel()
		f := newFake(t, nil)
		o := small(f)
		o.Cleanup = true
		o.Tell = func(string) {}
		f.kept = func(f *fake, m fakeMessage) {
			if strings.HasSuffix(m.Hash, "-59") {
				for _, u := range f.users {
					u.version++
				}
			}
		}
		require.True(t, runOf(t, o).Verdict.OK)
		require.Equal(t, 3, f.count("POST /auth/login"), "refresh tokens are of no use either, so everybody signs in")
	})
}

// Tokens are replaced long before they expire, and connections are given the new ones.
func TestTokensAreRenewed(t *testing.T) {
	t.Parallel()
	o := small(newFake(t, func(f *fake) { f.life = -time.Hour })) // by this clock they have expired, so it must be wrong
	r := runOf(t, o)
	require.True(t, r.Verdict.OK, r.Verdict.Problems)
	require.Zero(t, r.Connect.TokensRenewed, "and they are good for a while")

	f := newFake(t, func(f *fake) { f.life = 300 * time.Millisecond })
	o = small(f)
	o.ConnectOnly, o.Messages, o.Duration = true, 0, 1500*time.Millisecond
	r = runOf(t, o)
	require.True(t, r.Verdict.OK, r.Verdict.Problems)
	require.Equal(t, 3, r.Connect.TokensRenewed)
	require.Equal(t, 3, f.count("POST /auth/refresh"))
	require.Equal(t, 3, f.count("42"), "AUTH, over each connection")
	require.Zero(t, r.Connect.Disconnects)
}

func TestWrongOptions(t *testing.T) {
	t.Parallel()
	good := loadtest.Options{URL: "http://localhost:1/"}
	require.NoError(t, good.Check())
	for want, change := range map[string]func(o *loadtest.Options){
		"--url must be of the form":             func(o *loadtest.Options) { o.URL = "localhost" },
		"--socket-url must be of the form":      func(o *loadtest.Options) { o.SocketURLs = []string{"ws://x"} },
		"--users must be at least 1":            func(o *loadtest.Options) { o.Users = -1 },
		"--groups must be at least 1":           func(o *loadtest.Options) { o.Groups = -1 },
		"--members must be at least --users":    func(o *loadtest.Options) { o.Members, o.Groups = 9, 11 },
		"--channels must be 1 to":               func(o *loadtest.Options) { o.Channels = 5000 },
		"--senders must be at least 1":          func(o *loadtest.Options) { o.Senders = -1 },
		"--rate must not be negative":           func(o *loadtest.Options) { o.Rate = -1 },
		"must not be negative":                  func(o *loadtest.Options) { o.Warmup = -1 },
		"--messages must be 0 to":               func(o *loadtest.Options) { o.Messages = 1 << 40 },
		"--duration or --messages, not both":    func(o *loadtest.Options) { o.Messages, o.Duration = 1, 1 },
		"--placebo takes the place of receipts": func(o *loadtest.Options) { o.Placebo = true },
		"--connect-only sends no messages":      func(o *loadtest.Options) { o.Rate, o.ConnectOnly = 1, true },
		"--size must be 1 to":                   func(o *loadtest.Options) { o.Size = 5000 },
		"--patience must not be negative":       func(o *loadtest.Options) { o.Patience = -1 },
		"--prefix must have 1 to 24 characters": func(o *loadtest.Options) { o.Prefix = "A" },
		"--password must have at least 8":       func(o *loadtest.Options) { o.Password = "short" },
		"has 1 users, and 100 are needed":       func(o *loadtest.Options) { o.Accounts = make([]loadtest.Account, 1) },
	} {
		o := good
		change(&o)
		require.ErrorContains(t, o.Check(), want)
		_, err := loadtest.Run(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	o := loadtest.Options{URL: "http://127.0.0.1:1", Patience: 100 * time.Millisecond}
	_, err := loadtest.Run(t.Context(), o)
	require.ErrorContains(t, err, "connection refused")
}

func TestNobodyIsLetIn(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	nowhere := newFake(t, nil)
	o := impatient(f)
	o.SocketURLs = []string{nowhere.url} // where the users are not known
	_, err := loadtest.Run(t.Context(), o)
	require.ErrorContains(t, err, "0 of 3 members are subscribed after 1s\n")
	require.ErrorContains(t, err, " × connect: token_expired")
}
