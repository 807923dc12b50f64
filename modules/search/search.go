// Package search finds messages by their words: those of the channels that one may read, and those of one's personal chats.
//
// The words of a message get into an index a moment after it was kept, by a component of the role worker of its own; what is sent does not
// wait for that. The index only proposes. Whether a message says what was looked for, and may be read, is decided by what it says and who may
// read it when it is looked for; so what was deleted is never found, and what was edited only by what it says now.
//
// Texts are taken apart into words here (words.go), for the index and for queries alike, and not by the databases: so both kinds of them find
// the same.
package search

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"time"

	"parley/app/problem"
)

// Problems of searches.
var (
	// ErrGroupNotFound is a group that does not exist, or that the caller is not in.
	ErrGroupNotFound = problem.New(http.StatusNotFound, "group_not_found", "There is no such group.")
	// ErrChannelNotFound is a channel that does not exist, or that the caller may not read.
	ErrChannelNotFound = problem.New(http.StatusNotFound, "channel_not_found", "There is no such channel.")
	// ErrBusy means that others are searching already, as many as the database can take beside its other work.
	ErrBusy = problem.New(http.StatusServiceUnavailable, "search_busy", "Too many searches are under way.").
		WithDetail("Wait a moment, then search again.").WithRetryAfter(time.Second)
	// ErrTooSlow is a search that was given up before it had found anything.
	ErrTooSlow = problem.New(http.StatusServiceUnavailable, "search_too_slow", "The search took too long.").
			WithDetail("Search for a rarer word, or only in one channel, then try again.").WithRetryAfter(time.Second)
)

// Request is one search.
type Request struct {
	Query   Query
	Viewer  int64
	Group   int64 // only in it; 0: anywhere
	Channel int64 // only in it
	With    int64 // only in the viewer's personal chat with this user
	From    int64 // only what this user has sent
	After   int64 // only from this moment on, in milliseconds
	Before  int64 // only what is earlier; 0: no such bound
	Cursor  int64 // only what comes after this document, as the last page said
	Limit   int
}

// Hit is a message that was found.
type Hit struct {
	MessageID int64
	Direct    bool // it is a personal one
	document  int64
}

// Page is a part of what there is to find, the latest first.
type Page struct {
	Hits []Hit
	Next int64 // the Cursor of the next page; 0: this was the last one
}

// What documents' ids consist of: the milliseconds since the Unix epoch when the message was kept, and below it what tells apart those of one
// moment. So the order of ids is that of time, and a time is a range of ids.
const (
	idBits    = 20
	maxMillis = 1<<43 - 1
	maxID     = 1<<63 - 1
)

// documentID is the id that a message's document gets, unless another one has it already.
func documentID(millis, messageID int64, direct bool) int64 {
	id := min(max(millis, 0), maxMillis)<<idBits | messageID&(1<<(idBits-1)-1)
	if direct {
		id |= 1 << (idBits - 1)
	}
	return id
}

// bounds are the ids of what a request asks for: from low on, and lower than high.
func (r Request) bounds() (low, high int64) {
	low, high = min(max(r.After, 0), maxMillis)<<idBits, maxID
	if r.Before > 0 {
		high = min(r.Before, maxMillis) << idBits
	}
	if r.Cursor > 0 {
		high = min(high, r.Cursor)
	}
	return low, high
}

// encodeCursor makes a cursor opaque.
func encodeCursor(c int64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(c)))
}

// decodeCursor reads what encodeCursor has written.
func decodeCursor(s string) (int64, bool) {
	data, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(data) != 8 {
		return 0, false
	}
	c := int64(binary.BigEndian.Uint64(data))
	return c, c > 0
}
