package catchup

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"parley/app/problem"
	"parley/app/web"
)

// query is a Request that was read.
type query struct {
	channels map[int64]from
	chats    map[int64]int64
	known    map[int64]int64 // versions of memberships, by group
	more     bool
}

// from is from where on a channel is told.
type from struct {
	after   int64
	changed position
}

// position is where a channel's changes were told up to, in the order of what they are found by.
type position struct{ seq, id int64 }

// read reads a Request, and says everything that is wrong with it.
func read(r Request) (query, error) {
	q := query{channels: make(map[int64]from, len(r.Channels)), chats: make(map[int64]int64, len(r.Direct)), more: r.More}
	var f faults
	f.ids("channels", r.Channels, func(id, after int64) { q.channels[id] = from{after, position{seq: after}} })
	f.ids("direct", r.Direct, func(id, after int64) { q.chats[id] = after })
	for _, key := range slices.Sorted(maps.Keys(r.Changes)) {
		id, err := strconv.ParseInt(key, 10, 64)
		of, ok := q.channels[id]
		if err != nil || !ok {
			f.add("changes."+clip(key), "must be a channel that is asked for")
			continue
		}
		if of.changed, ok = readPosition(r.Changes[key]); !ok {
			f.add("changes."+key, "must be as an answer gave it")
		}
		q.channels[id] = of
	}
	var err error
	if q.known, err = readToken(r.Since); err != nil {
		f.add("since", "must be the token of an answer")
	}
	if len(f) > 0 {
		return query{}, problem.Invalid.WithFields(f[:min(len(f), maxFaults)]...)
	}
	return q, nil
}

// maxFaults is how many mistakes are listed.
const maxFaults = 50

// faults are what is wrong with a Request.
type faults []problem.Field

func (f *faults) add(field, message string) {
	*f = append(*f, problem.Field{Field: field, Message: message})
}

// ids reads an object of seqs by id.
func (f *faults) ids(name string, all map[string]int64, use func(id, after int64)) {
	if len(all) > MaxChannels {
		f.add(name, fmt.Sprintf("must have at most %d entries", MaxChannels))
		return
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		id, err := strconv.ParseInt(key, 10, 64)
		if err != nil || id <= 0 || id > web.MaxID || strconv.FormatInt(id, 10) != key {
			f.add(name+"."+clip(key), "must be named by an id")
			continue
		}
		if after := all[key]; after < 0 || after > web.MaxID {
			f.add(name+"."+key, "must be a seq, or 0")
			continue
		}
		use(id, all[key])
	}
}

// clip shortens what a client has made up.
func clip(key string) string {
	if runes := []rune(key); len(runes) > 20 {
		return string(runes[:20]) + "…"
	}
	return key
}

// String is how clients hand a position back.
func (p position) String() string {
	return strconv.FormatInt(p.seq, 10) + "-" + strconv.FormatInt(p.id, 10)
}

func readPosition(s string) (p position, ok bool) {
	seq, id, ok := strings.Cut(s, "-")
	if !ok {
		return p, false
	}
	var err [2]error
	p.seq, err[0] = strconv.ParseInt(seq, 10, 64)
	p.id, err[1] = strconv.ParseInt(id, 10, 64)
	return p, errors.Join(err[:]...) == nil && p.String() == s && p.seq >= 0 && p.id >= 0
}

// tokenForm is the first byte of tokens of this form. One of another form is as none: its client reads the lists.
const tokenForm = 1

// token writes versions by group in a form that only readToken knows.
func token(versions map[int64]int64) string {
	b := []byte{tokenForm}
	for _, id := range slices.Sorted(maps.Keys(versions)) {
		b = binary.AppendUvarint(b, uint64(id))
		b = binary.AppendUvarint(b, uint64(versions[id]))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

var errToken = errors.New("not a token")

func readToken(s string) (map[int64]int64, error) {
	if s == "" {
		return map[int64]int64{}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) == 0 {
		return nil, errToken
	}
	versions := make(map[int64]int64)
	if b[0] != tokenForm {
		return versions, nil
	}
	for b = b[1:]; len(b) > 0; {
		id, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errToken
		}
		version, m := binary.Uvarint(b[n:])
		if m <= 0 || id > web.MaxID || version > web.MaxID {
			return nil, errToken
		}
		versions[int64(id)] = int64(version)
		b = b[n+m:]
	}
	return versions, nil
}
