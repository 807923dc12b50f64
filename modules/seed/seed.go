// Package seed makes data for trying Parley out: as much as is asked for with
// Run, and a small lively set with Demo. People, groups and conversations are
// made up but look like real ones, and come out the same each time.
//
// It writes to the tables directly, in bulk. Groups and people are its own: what real ones have made is never touched.
package seed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"parley/app/store"
)

// Password is what everybody who is made up signs in with.
const Password = "parley-demo" //nolint:gosec // meant to be known

// Hasher makes what is kept of a password.
type Hasher interface {
	Hash(ctx context.Context, password string) (string, error)
}

// Seeder fills a database.
type Seeder struct {
	db     *store.Store
	hasher Hasher
	eager  int
	now    func() time.Time
}

// New returns a Seeder. Channels with more than eager readers get no message_recipients rows, as when messages are sent. It
// does no I/O.
func New(db *store.Store, h Hasher, eager int) *Seeder {
	return &Seeder{db: db, hasher: h, eager: eager, now: time.Now}
}

// Options say how much there shall be in all. What earlier runs made is kept and counted.
type Options struct {
	Users, Groups, Messages int
	// Channels count each group's "general", so that there are at least as many as groups.
	Channels int
}

// Check says what is wrong with the options.
func (o Options) Check() error {
	switch {
	case min(o.Users, o.Groups, o.Channels, o.Messages) < 0:
		return errors.New("numbers must not be negative")
	case o.Groups > 0 && o.Users == 0:
		return errors.New("groups need users: ask for at least one user")
	case (o.Channels > 0 || o.Messages > 0) && o.Groups == 0:
		return errors.New("channels and messages need groups: ask for at least one group")
	}
	return nil
}

// Report is what a run has added.
type Report struct {
	Users, Groups, Memberships, Channels, Messages, Recipients int
}

// Most rows of a kind in one transaction: so few that others, who may have to wait for it, hardly notice.
const (
	userBatch    = 1000
	groupBatch   = 200
	memberBatch  = 2000
	channelBatch = 200
	rowBatch     = 20_000 // messages with their recipients
)

// Times before the run, in days: people were there first, then groups, then messages.
const (
	usersSince, usersUntil   = 90, 60
	groupsSince, groupsUntil = 58, 45
	messagesSince            = 42
)

const (
	day  = int64(24 * time.Hour / time.Millisecond)
	hour = int64(time.Hour / time.Millisecond)
)

// Run adds what is missing to have as many users, groups, channels and messages as o says, and tells progress about each
// batch. With the same options again it adds nothing; with larger ones, only the difference.
// It is safe beside running servers. Their clients see messages that are added when they notice the gap before the next one.
//
// Hashing passwords is slow by design. All users that one run makes therefore
// share one hash of Password, salt included, which is fine for people who do not exist.
func (s *Seeder) Run(ctx context.Context, o Options, progress func(done, total int, what string)) (Report, error) {
	if err := o.Check(); err != nil {
		return Report{}, err
	}
	r := &run{Seeder: s, Options: o, progress: progress, at: s.now().UnixMilli()}
	for _, step := range []func(context.Context) error{r.addUsers, r.addGroups, r.addMembers, r.addChannels, r.addMessages} {
		if err := step(ctx); err != nil {
			return r.added, err
		}
	}
	return r.added, nil
}

// run is one call of Run.
type run struct {
	*Seeder
	Options
	progress func(done, total int, what string)
	at       int64 // when it began, in milliseconds since the epoch
	added    Report

	users  []int64    // those made up, in the order in which they were made
	groups []ownGroup // the same
}

// ownGroup is a group that was made here; the index tells its theme.
type ownGroup struct {
	index int
	id    int64
}

func (r *run) groupIDs() []int64 {
	ids := make([]int64, len(r.groups))
	for i, g := range r.groups {
		ids[i] = g.id
	}
	return ids
}

// batches calls add until total is done. It gets what is done so far and returns how much more is.
func (r *run) batches(ctx context.Context, what string, total int, add func(done int) (int, error)) error {
	for done := 0; done < total; {
		begin := time.Now()
		n, err := add(done)
		if err != nil {
			return fmt.Errorf("add %s: %w", what, err)
		}
		done += n
		r.progress(min(done, total), total, what)
		if done < total && r.db.Dialect() == store.SQLite {
			pause(ctx, time.Since(begin)/2)
		}
	}
	return nil
}

// pause lets other processes write. With SQLite they do not wait in a queue but look again now and then, and would hardly ever come
// at the right moment between two transactions that follow each other closely.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done(): // the next transaction fails with it
	}
}

func (r *run) addUsers(ctx context.Context) error {
	if err := r.findUsers(ctx); err != nil {
		return err
	}
	missing := r.Users - len(r.users)
	if missing <= 0 {
		return nil
	}
	hash, err := r.hasher.Hash(ctx, Password)
	if err != nil {
		return fmt.Errorf("hash the password of made-up users: %w", err)
	}
	next := len(r.users) // names may be taken: each is tried once
	err = r.batches(ctx, "users", missing, func(done int) (int, error) {
		rows := make([]userRow, min(userBatch, missing-done))
		for i := range rows {
			p := personAt(next + i)
			since := usersSince*day - int64(draw(int((usersSince-usersUntil)*day), int64(next+i)))
			rows[i] = userRow{I: i, Username: p.username, Display: p.displayName, At: r.at - since}
		}
		next += len(rows)
		n := 0
		err := r.write(ctx, func(t tables) error {
			made, err := t.lock(madeUsers)
			if err != nil {
				return err
			}
			ids, err := t.insertUsers(hash, rows)
			if err != nil {
				return err
			}
			n = len(ids)
			return t.keep(madeUsers, append(made, ids...))
		})
		r.added.Users += n
		return n, err
	})
	return cmp.Or(err, r.findUsers(ctx))
}

func (r *run) findUsers(ctx context.Context) error {
	t := r.read(ctx)
	made, err := t.made(madeUsers, "")
	if err != nil {
		return err
	}
	there, err := t.existing("users", made)
	r.users = slices.DeleteFunc(made, func(id int64) bool { return !there[id] })
	return err
}

func (r *run) addGroups(ctx context.Context) error {
	if err := r.findGroups(ctx); err != nil {
		return err
	}
	missing := r.Groups - len(r.groups)
	err := r.batches(ctx, "groups", missing, func(done int) (int, error) {
		n := min(groupBatch, missing-done)
		err := r.write(ctx, func(t tables) error {
			made, err := t.lock(madeGroups)
			if err != nil {
				return err
			}
			ids, err := r.insertGroups(t, len(made), n)
			if err != nil {
				return err
			}
			return t.keep(madeGroups, append(made, ids...))
		})
		r.added.Groups += n
		r.added.Channels += n
		r.added.Memberships += n
		return n, err
	})
	return cmp.Or(err, r.findGroups(ctx))
}

// insertGroups makes n groups, each with its owner and a channel "general".
func (r *run) insertGroups(t tables, first, n int) ([]int64, error) {
	rows := make([]groupRow, n)
	for i := range rows {
		about := groupAt(first + i)
		since := groupsSince*day - int64(draw(int((groupsSince-groupsUntil)*day), int64(first+i)))
		rows[i] = groupRow{I: i, Name: about.name, Description: about.description, At: r.at - since}
	}
	ids, err := t.insertGroups(rows)
	if err != nil {
		return nil, err
	}
	owners := make([]memberRow, n)
	channels := make([]channelRow, n)
	for i, id := range ids {
		owners[i] = memberRow{Group: id, User: r.users[draw(len(r.users), int64(first+i), ownerDraw)], Role: "owner"}
		channels[i] = channelRow{Group: id, Name: "general"}
	}
	if _, err := t.insertMembers(owners); err != nil {
		return nil, err
	}
	_, err = t.insertChannels(channels)
	return ids, err
}

func (r *run) findGroups(ctx context.Context) error {
	t := r.read(ctx)
	made, err := t.made(madeGroups, "")
	if err != nil {
		return err
	}
	there, err := t.existing("groups", made)
	r.groups = nil
	for i, id := range made {
		if there[id] {
			r.groups = append(r.groups, ownGroup{i, id})
		}
	}
	return err
}

func (r *run) addMembers(ctx context.Context) error {
	pairs, err := r.read(ctx).members(r.groupIDs())
	if err != nil {
		return err
	}
	missing := planMembers(r.users, r.groups, pairs)
	return r.batches(ctx, "memberships", len(missing), func(done int) (int, error) {
		rows := missing[done:min(done+memberBatch, len(missing))]
		n := 0
		err := r.write(ctx, func(t tables) (err error) {
			n, err = t.insertMembers(rows)
			return err
		})
		r.added.Memberships += n
		return len(rows), err // who has joined meanwhile is in as well
	})
}

func (r *run) addChannels(ctx context.Context) error {
	counts, err := r.read(ctx).countChannels(r.groupIDs())
	if err != nil {
		return err
	}
	missing := planChannels(max(r.Channels, r.Groups), counts)
	themes := make(map[int64]theme, len(r.groups))
	for _, g := range r.groups {
		themes[g.id] = groupAt(g.index)
	}
	return r.batches(ctx, "channels", len(missing), func(done int) (int, error) {
		groups := missing[done:min(done+channelBatch, len(missing))]
		err := r.write(ctx, func(t tables) error { return insertChannels(t, groups, themes) })
		r.added.Channels += len(groups)
		return len(groups), err
	})
}

// insertChannels makes a channel for each time that a group is listed.
func insertChannels(t tables, groups []int64, themes map[int64]theme) error {
	if err := t.lockGroups(groups); err != nil {
		return err
	}
	taken, err := t.channelNames(groups)
	if err != nil {
		return err
	}
	rows := make([]channelRow, len(groups))
	for i, id := range groups {
		rows[i] = newChannel(id, themes[id], taken[id])
		taken[id][rows[i].Name] = true
	}
	made, err := t.insertChannels(rows)
	if err != nil {
		return err
	}
	var private []int64
	for _, c := range made {
		if c.Private {
			private = append(private, c.ID)
		}
	}
	return t.fillPrivate(private)
}
