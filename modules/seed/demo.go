package seed

import (
	"cmp"
	"context"
	_ "embed" // the script
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"parley/app/store"
)

//go:embed demo.txt
var demoScript string

// Login is how to sign in to the demo.
type Login struct {
	Usernames []string
	Password  string
}

// TakenError means that people who do not belong to the demo have names that it needs.
type TakenError struct{ Usernames []string }

// Error says what to do.
func (e *TakenError) Error() string {
	return fmt.Sprintf("the demo needs usernames that others have already (%s): start without it, or with an empty database",
		strings.Join(e.Usernames, ", "))
}

// Demo makes a few people who have talked in a few groups during the last days, and returns how to sign
// in as one of them. It does so once: later calls change nothing, whatever has become of the groups. All of them share
// one hash of Password.
func (s *Seeder) Demo(ctx context.Context) (Login, error) {
	d := readDemo(demoScript)
	login := Login{Password: Password}
	for _, p := range d.people {
		login.Usernames = append(login.Usernames, p.username)
	}
	there, err := s.read(ctx).made(madeDemo, "")
	if err != nil || len(there) > 0 {
		return login, err
	}
	hash, err := s.hasher.Hash(ctx, Password)
	if err != nil {
		return Login{}, fmt.Errorf("hash the password of the demo's users: %w", err)
	}
	err = s.write(ctx, func(t tables) error { return s.play(t, d, hash) })
	return login, err
}

// demo is what demo.txt says.
type demo struct {
	people []person
	groups []demoGroup
	chats  []demoChat
}

// demoChat is a personal chat.
type demoChat struct {
	who   [2]string // by username
	lines []demoLine
}

type demoGroup struct {
	name, description string
	members           []string // by username; the first is the owner
	channels          []demoChannel
}

type demoChannel struct {
	name, topic string
	members     []string // of a private one
	lines       []demoLine
}

type demoLine struct {
	who, text string
	answers   int // the line that many before it, in the same channel; 0: none
	reactions []demoReaction
	pinnedBy  string
	unread    []string // who has read nothing after it
}

type demoReaction struct {
	emoji string
	who   []string
}

// readDemo reads the script:
//
//	user NAME DISPLAY NAME
//	group NAME: DESCRIPTION
//	members NAME NAME …         of the group or private channel before it
//	[private ]channel NAME: TOPIC
//	NAME: MESSAGE               with \n for a new line within it
//	react EMOJI: NAME NAME …    to the message before it
//	pin NAME                    the message before it
//	answer N                    the message before it answers the one N before that
//	unread NAME NAME …          these have read nothing after the message before it
//	direct NAME NAME            personal chats, after the groups; messages only
func readDemo(script string) demo {
	var d demo
	for l := range strings.Lines(script) {
		l = strings.TrimSpace(l)
		word, rest, _ := strings.Cut(l, " ")
		name, text, _ := strings.Cut(rest, ": ")
		switch word {
		case "":
		case "user":
			username, displayName, _ := strings.Cut(rest, " ")
			d.people = append(d.people, person{username, displayName})
		case "group":
			d.groups = append(d.groups, demoGroup{name: name, description: text})
		case "channel", "private":
			g := &d.groups[len(d.groups)-1]
			g.channels = append(g.channels, demoChannel{name: strings.TrimPrefix(name, "channel "), topic: text})
		case "members":
			g := &d.groups[len(d.groups)-1]
			if n := len(g.channels); n > 0 {
				g.channels[n-1].members = strings.Fields(rest)
			} else {
				g.members = strings.Fields(rest)
			}
		case "react":
			last := d.lastLine()
			last.reactions = append(last.reactions, demoReaction{name, strings.Fields(text)})
		case "answer":
			d.lastLine().answers, _ = strconv.Atoi(rest)
		case "pin":
			d.lastLine().pinnedBy = rest
		case "unread":
			d.lastLine().unread = strings.Fields(rest)
		case "direct":
			one, other, _ := strings.Cut(rest, " ")
			d.chats = append(d.chats, demoChat{who: [2]string{one, other}})
		default:
			who, said, _ := strings.Cut(l, ": ")
			d.say(demoLine{who: who, text: strings.ReplaceAll(said, `\n`, "\n")})
		}
	}
	return d
}

// say adds a message to the personal chat or channel that was named last.
func (d *demo) say(l demoLine) {
	if n := len(d.chats); n > 0 {
		d.chats[n-1].lines = append(d.chats[n-1].lines, l)
		return
	}
	g := &d.groups[len(d.groups)-1]
	c := &g.channels[len(g.channels)-1]
	c.lines = append(c.lines, l)
}

// lastLine is the latest message that was read.
func (d *demo) lastLine() *demoLine {
	g := &d.groups[len(d.groups)-1]
	c := &g.channels[len(g.channels)-1]
	return &c.lines[len(c.lines)-1]
}

// Times of the demo, in milliseconds before now.
const (
	demoSince  = 4 * day
	demoSilent = hour / 15 // since the last message
)

// play makes what the script says, unless somebody was faster.
func (s *Seeder) play(t tables, d demo, hash string) error {
	there, err := t.lock(madeDemo)
	if err != nil || len(there) > 0 {
		return err
	}
	now := s.now().UnixMilli()
	users, err := t.insertDemoPeople(d.people, hash, now)
	if err != nil {
		return err
	}
	rows := make([]groupRow, len(d.groups))
	for i, g := range d.groups {
		rows[i] = groupRow{I: i, Name: g.name, Description: g.description, At: now - demoSince - day}
	}
	ids, err := t.insertGroups(rows)
	if err != nil {
		return err
	}
	for i, g := range d.groups {
		if err := s.playGroup(t, ids[i], g, users, now); err != nil {
			return err
		}
	}
	for i, c := range d.chats { // the last one is the latest
		if err := s.playChat(t, c, users, now-demoSilent*int64(len(d.chats)-i)); err != nil {
			return err
		}
	}
	all := make([]int64, 0, len(users))
	for _, id := range users {
		all = append(all, id)
	}
	slices.Sort(all)
	return t.keep(madeDemo, all)
}

// insertDemoPeople returns the ids by username.
func (t tables) insertDemoPeople(people []person, hash string, now int64) (map[string]int64, error) {
	rows := make([]userRow, len(people))
	names := make([]string, len(people))
	for i, p := range people {
		rows[i] = userRow{I: i, Username: p.username, Display: p.displayName, At: now - demoSince - 2*day}
		names[i] = p.username
	}
	taken, err := t.takenNames(names)
	if err != nil {
		return nil, err
	}
	if len(taken) > 0 {
		return nil, &TakenError{taken}
	}
	ids, err := t.insertUsers(hash, rows)
	if err != nil {
		return nil, err
	}
	if len(ids) < len(people) {
		return nil, fmt.Errorf("%w: somebody has just taken one of the demo's usernames", store.ErrConflict)
	}
	users := make(map[string]int64, len(ids))
	for i, id := range ids {
		users[people[i].username] = id
	}
	return users, nil
}

func (s *Seeder) playGroup(t tables, groupID int64, g demoGroup, users map[string]int64, now int64) error {
	members := make([]memberRow, len(g.members))
	for i, name := range g.members {
		members[i] = memberRow{Group: groupID, User: users[name], Role: []string{"owner", "admin", "member"}[min(i, 2)], After: int64(i) * hour}
	}
	if _, err := t.insertMembers(members); err != nil {
		return err
	}
	rows := make([]channelRow, len(g.channels))
	byName := make(map[string]demoChannel, len(g.channels))
	for i, c := range g.channels {
		rows[i] = channelRow{Group: groupID, Name: c.name, Topic: c.topic, Private: len(c.members) > 0, After: int64(i)}
		byName[c.name] = c
	}
	made, err := t.insertChannels(rows)
	if err != nil {
		return err
	}
	for _, c := range made {
		if err := s.playChannel(t, c.ID, byName[c.Name], users, now); err != nil {
			return err
		}
	}
	return nil
}

func (s *Seeder) playChannel(t tables, channelID int64, c demoChannel, users map[string]int64, now int64) error {
	members := make([]readerRow, len(c.members))
	for i, name := range c.members {
		members[i] = readerRow{channelID, users[name]}
	}
	if err := t.insertChannelMembers(members); err != nil {
		return err
	}
	n := len(c.lines)
	at := moments(rand.New(rand.NewPCG(prngSeed, uint64(channelID))), now-demoSince, now-demoSilent*(1+channelID%5), n)
	rows := make([]messageRow, n)
	for i, l := range c.lines {
		rows[i] = messageRow{
			Channel: channelID, Seq: int64(i + 1), Sender: users[l.who], Hash: fmt.Sprintf("demo-%d", i+1), Content: l.text, At: at[i],
		}
		if l.answers > 0 {
			answered := rows[i-l.answers]
			rows[i].Reply, rows[i].Thread = answered.Seq, cmp.Or(answered.Thread, answered.Seq)
		}
	}
	spans := []span{{Channel: channelID, Low: 1, High: int64(n), Goal: int64(n)}}
	if err := t.insertMessages(rows, spans); err != nil {
		return err
	}
	if err := t.insertAnswers(rows, c.calls(rows, users)); err != nil {
		return err
	}
	if err := t.insertCursors(spans[0], c.unread(users)); err != nil {
		return err
	}
	audiences, err := t.audiences(spans, nil)
	if err != nil {
		return err
	}
	if audiences[channelID].readers <= s.eager {
		if _, err := t.insertRecipients(spans); err != nil {
			return err
		}
	}
	return t.insertMarks(c.reactions(rows, users), c.pins(rows, users, now))
}

// unread says of those who have not read everything how far they have got.
func (c demoChannel) unread(users map[string]int64) (rows []cursorRow) {
	for i, l := range c.lines {
		for _, name := range l.unread {
			rows = append(rows, cursorRow{User: users[name], Read: int64(i + 1)})
		}
	}
	return rows
}
