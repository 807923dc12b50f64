package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"parley/app/event"
	"parley/app/store/storetest"
	"parley/app/testenv"
)

// How much TestEverybodyConverges does: more with -args -converge.rounds=100; -converge.seed repeats a run.
var (
	convergeSeed   = flag.Uint64("converge.seed", 0, "begin TestEverybodyConverges with this seed; 0: any")
	convergeRounds = flag.Int("converge.rounds", 4, "rounds of TestEverybodyConverges")
)

const (
	convergePeople  = 5
	convergeActions = 150 // of a round
	convergeDrivers = 3   // who act at the same time
)

// TestEverybodyConverges has people do everything there is to do, at random, while their clients lose their connections, are away, and
// servers are killed. Every client, which knows only events and what /sync answers, ends with what the server's lists say.
func TestEverybodyConverges(t *testing.T) {
	t.Parallel()
	for _, s := range []setup{
		{"embedded", startEmbedded},
		{"split roles", func(t testing.TB, more map[string]string) *cluster {
			c := startSplit(t, services(t, testenv.AMQPURL(t), storetest.PostgresURL(t)), more)
			c.more = []*process{serve(t, "worker-2", merge(c.env, map[string]string{"PARLEY_ROLES": "worker"}))}
			return c
		}},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			seed := *convergeSeed
			if seed == 0 {
				seed = rand.Uint64()
			}
			t.Logf("seed %d", seed)
			converge(t, s.start(t, nil), seed)
		})
	}
}

func converge(t *testing.T, c *cluster, seed uint64) {
	t.Helper()
	w := &turmoil{t: t, c: c, random: rand.New(rand.NewPCG(seed, 1))}
	w.people = c.people(t, "person", convergePeople)
	for i, p := range w.people {
		for n := range 2 {
			server := i + n
			w.mirrors = append(w.mirrors, p.mirror(fmt.Sprintf("%s/%d", p.name, n), func() string {
				server++
				return c.socket(server)
			}))
		}
	}
	for i := range 2 {
		w.people[i].group(fmt.Sprintf("group %d", i), w.people[i+1], w.people[i+2])
	}
	for round := range *convergeRounds {
		var acting errgroup.Group
		for d := range convergeDrivers {
			random := rand.New(rand.NewPCG(seed, uint64(2+round*convergeDrivers+d)))
			acting.Go(func() error {
				a := &actor{turmoil: w, random: random, name: fmt.Sprintf("%d-%d", round, d)}
				for n := range convergeActions / convergeDrivers {
					if err := a.act(n); err != nil {
						return err
					}
				}
				return nil
			})
		}
		stop := make(chan struct{})
		var disturbing errgroup.Group
		disturbing.Go(func() error {
			w.disturb(stop)
			return nil
		})
		err := acting.Wait()
		close(stop)
		_ = disturbing.Wait()
		require.NoError(t, err)
		if round == *convergeRounds-1 {
			for _, m := range w.mirrors {
				m.turn(true)
			}
		}
		w.settle()
	}
	// What was late would come before this.
	for _, p := range w.people {
		for _, g := range p.groups() {
			for _, ch := range g.Channels {
				require.NoError(t, p.insist(t.Context(), channel{ID: ch.ID, GroupID: g.ID}, random(), "the end"))
			}
		}
	}
	w.settle()
	for _, m := range w.mirrors {
		require.Empty(t, m.faults, m.name)
		t.Logf("%s: caught up %d times, lost %d connections", m.name, m.caught, m.dropped)
	}
}

// turmoil is everything that goes on.
type turmoil struct {
	t       *testing.T
	c       *cluster
	people  []*person
	mirrors []*mirror
	random  *rand.Rand
}

// disturb cuts and turns off connections, and kills servers, until stop is closed.
func (w *turmoil) disturb(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(5+w.random.IntN(60)) * time.Millisecond):
		}
		m := w.mirrors[w.random.IntN(len(w.mirrors))]
		switch n := w.random.IntN(100); {
		case n < 45:
			m.cut()
		case n < 65:
			m.turn(false)
		case n < 90:
			m.turn(true)
		case n < 91 && len(w.c.more) == 0: // which is everything
			w.c.api.kill()
			w.c.api.restart()
		case len(w.c.more) == 0:
		case n < 95:
			s := w.c.sockets[w.random.IntN(len(w.c.sockets))]
			s.kill()
			s.restart()
		case n < 98:
			w.c.worker.kill()
			w.c.worker.restart()
		default:
			w.c.more[0].kill()
			w.c.more[0].restart()
		}
	}
}

// settle waits until every client that is connected has what the lists say.
func (w *turmoil) settle() {
	w.t.Helper()
	deadline := time.Now().Add(patience / 3)
	for _, p := range w.people {
		for _, m := range w.mirrors {
			if m.person != p {
				continue
			}
			for {
				want, got := w.truth(p), m.copy()
				if want == got || got == "" {
					break
				}
				if time.Now().After(deadline) {
					w.t.Fatalf("%s has not what the server has:\n%s\n\n%s", m.name, difference(want, got), m.report())
				}
				pause(w.t.Context(), pollPause)
			}
		}
	}
}

// difference shows the lines that are not in both.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	var lines []string
	for _, line := range a {
		if !slices.Contains(b, line) {
			lines = append(lines, "server: "+line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			lines = append(lines, "client: "+line)
		}
	}
	return strings.Join(lines, "\n")
}

// groups lists a person's groups.
func (p *person) groups() []groupInfo {
	p.t.Helper()
	var list []groupInfo
	require.NoError(p.t, p.get("/groups", &list))
	return list
}

// get reads something, insisting while the service is away; what is not found stays as it is.
func (p *person) get(path string, into any) error {
	for {
		a, err := p.request(p.t.Context(), http.MethodGet, path, nil)
		switch {
		case p.t.Context().Err() != nil:
			return p.t.Context().Err()
		case err != nil || a.status >= 500:
			pause(p.t.Context(), pollPause)
		case a.status == http.StatusNotFound:
			return nil
		case a.status != http.StatusOK:
			return fmt.Errorf("%s: %d %s", path, a.status, a.body)
		default:
			return json.Unmarshal(a.body, into)
		}
	}
}

// truth writes down, in lines, what the API's lists say.
func (w *turmoil) truth(p *person) string {
	w.t.Helper()
	b := &book{}
	for _, g := range p.groups() {
		var members []memberInfo
		require.NoError(w.t, p.get(fmt.Sprintf("/groups/%d/members?limit=200", g.ID), &members))
		b.group(g, membersOf(members))
		for _, c := range g.Channels {
			messages := p.everything(c.GroupID, c.ID)
			b.channel(c, messages)
		}
	}
	var chats []chatInfo
	require.NoError(w.t, p.get("/direct?limit=200", &chats))
	for _, c := range chats {
		var page struct{ Messages []event.PersonalMessage }
		require.NoError(w.t, p.get(fmt.Sprintf("/direct/%d/messages?after=0&limit=200", c.User.ID), &page))
		b.chat(c, page.Messages)
	}
	return b.String()
}

// everything is the history of a channel, as far as there is one.
func (p *person) everything(groupID, channelID int64) (all []event.Message) {
	p.t.Helper()
	for {
		var page struct {
			Messages []event.Message
			HasMore  bool
		}
		require.NoError(p.t, p.get(fmt.Sprintf("/groups/%d/channels/%d/messages?limit=200&after=%d", groupID, channelID, len(all)), &page))
		all = append(all, page.Messages...)
		if !page.HasMore {
			return all
		}
	}
}

// copy writes down, in lines, what the client has; "" while it is to be away, or has not come back.
func (m *mirror) copy() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.up {
		return ""
	}
	b := &book{}
	for id, g := range m.state.groups {
		b.group(g.groupInfo, m.state.members[id])
		for _, c := range g.channels {
			told := c.channelInfo
			told.LastSeq, told.Unread, told.Mentions = int64(len(c.messages)), 0, 0
			for _, message := range c.messages {
				if message.Seq <= c.ReadSeq || message.SenderID == m.person.id || message.DeletedAt != nil {
					continue
				}
				told.Unread++
				if to := message.Mentions; to != nil && (to.Channel || slices.Contains(to.Users, m.person.id)) {
					told.Mentions++
				}
			}
			b.channel(told, c.messages)
		}
	}
	for other, c := range m.state.chats {
		var told chatInfo
		told.User.ID, told.LastSeq, told.ReadSeq = other, int64(len(c.messages)), c.readSeq
		told.Other.DeliveredSeq, told.Other.ReadSeq = c.otherDelivered, c.otherRead
		for _, message := range c.messages {
			if message.SenderID == other && other != m.person.id && message.Seq > c.readSeq {
				told.Unread++
			}
		}
		b.chat(told, c.messages)
	}
	return b.String()
}

// book is a list of facts.
type book struct{ lines []string }

func (b *book) note(kind string, id int64, fact any) {
	data, err := json.Marshal(fact)
	if err != nil {
		data = []byte(err.Error())
	}
	b.lines = append(b.lines, fmt.Sprintf("%s %d: %s", kind, id, data))
}

func (b *book) group(g groupInfo, members map[int64]memberInfo) {
	g.Channels = nil
	b.note("group", g.ID, g)
	for _, one := range members {
		b.note("member of", g.ID, one)
	}
}

func (b *book) channel(c channelInfo, messages []event.Message) {
	b.note("channel", c.ID, c)
	for _, m := range messages {
		m.Reactions = slices.Clone(m.Reactions)
		for i, r := range m.Reactions {
			r.UserIDs, r.Mine = slices.Sorted(slices.Values(r.UserIDs)), false
			m.Reactions[i] = r
		}
		slices.SortFunc(m.Reactions, func(a, b event.Reaction) int { return strings.Compare(a.Emoji, b.Emoji) })
		b.note("message of", c.ID, m)
	}
}

func (b *book) chat(c chatInfo, messages []event.PersonalMessage) {
	b.note("chat with", c.User.ID, c)
	for _, m := range messages {
		b.note("message with", c.User.ID, m)
	}
}

// String lists the facts in one order.
func (b *book) String() string {
	slices.Sort(b.lines)
	return strings.Join(b.lines, "\n")
}
