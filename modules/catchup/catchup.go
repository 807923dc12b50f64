// Package catchup tells clients that were away what they have missed, in one
// answer that is as of one moment: the messages of their channels and personal
// chats, what has become of older messages, and who and what there is.
//
// What it tells are states, not steps. A client may therefore be told the same
// twice, and goes on with the events that it hears from then on.
package catchup

import (
	"context"
	"strconv"

	"parley/app/event"
)

// Bounds of a request and of its answer.
const (
	MaxChannels  = 500  // channels, and as many personal chats, in one request
	MaxMessages  = 2000 // messages of channels in one answer, as many changed ones, and as many personal ones
	MaxEach      = 200  // of them of one channel or chat
	maxMembers   = 2000 // changes of memberships in one answer
	recentChats  = 100  // personal chats that are listed without being asked for
	fewestOfEach = MaxMessages / MaxChannels
)

// Request is what a client has. After its first answer, a client that is not told everything at once sends the answer's Next.
type Request struct {
	// Channels are the last seq that the client has of each channel, by the channel's id.
	Channels map[string]int64 `json:"channels"`
	// Direct are the last seq that the client has of each personal chat, by the id of the other one.
	Direct map[string]int64 `json:"direct,omitempty"`
	// Since is the token of an earlier answer.
	Since string `json:"since,omitempty"`
	// Changes are how far the changes of channels were told.
	Changes map[string]string `json:"changes,omitempty"`
	// More leaves out what is not about the channels and chats that are asked for.
	More bool `json:"more,omitempty"`
}

// Answer is what the client has missed.
type Answer struct {
	Channels map[string]*Channel `json:"channels"`
	Gone     []int64             `json:"gone"` // of the channels asked for, those that the client may not read (any more)
	Direct   map[string]*Chat    `json:"direct"`

	*Lists

	// Next is the request for what is left; nil if that is all.
	Next *Request `json:"next,omitempty"`
}

// Lists are who and what there is, whatever was asked for.
type Lists struct {
	Groups      any      `json:"groups"`      // as the list of groups has them
	Members     []Member `json:"members"`     // whose membership has changed since the token
	MemberLists []int64  `json:"memberLists"` // groups of which Members does not tell everything
	Chats       any      `json:"chats"`       // the latest ones, as the list of chats has them
	MoreChats   bool     `json:"moreChats"`
	Token       string   `json:"token"`
}

// Channel is what was missed in a channel.
type Channel struct {
	Messages []event.Message `json:"messages"` // ascending
	HasMore  bool            `json:"hasMore"`  // there are later ones
	// Changes are messages that the client has, as they are now.
	Changes     []event.Message `json:"changes"`
	MoreChanges bool            `json:"moreChanges"` // there are more; Messages come after them
	// Reset says that the client has messages that are not there: the database is older than what the client knows.
	Reset bool `json:"reset,omitempty"`

	LastSeq      int64 `json:"lastSeq"`
	ReadSeq      int64 `json:"readSeq"`
	DeliveredSeq int64 `json:"deliveredSeq"`
	Unread       int64 `json:"unread"`
	Mentions     int64 `json:"mentions"`
}

// Member is somebody's membership as it is now.
type Member struct {
	GroupID int64 `json:"groupId"`
	UserID  int64 `json:"userId"`
	Member  any   `json:"member,omitempty"` // as the list of members has it; left out: is none
}

// Chat is what was missed in a personal chat.
type Chat struct {
	Messages []event.PersonalMessage `json:"messages"` // ascending
	HasMore  bool                    `json:"hasMore"`
	Reset    bool                    `json:"reset,omitempty"` // as that of a Channel
	Chat     any                     `json:"chat,omitempty"`  // as the list of chats has it; left out: there is none

	LastSeq int64 `json:"-"`
}

// Place is a channel as its reader finds it.
type Place struct {
	ID                                 int64
	LastSeq, ReadSeq, Unread, Mentions int64
}

// Groups knows the groups of users.
type Groups interface {
	// Groups returns a user's groups as clients list them, and the channels in them that the user may read.
	Groups(ctx context.Context, userID int64) (list any, readable []Place, err error)
	// Members returns whose membership of these groups has changed since the versions that the user knew, most of them at most; by
	// group the versions now; and the groups of which it does not tell everything.
	Members(ctx context.Context, userID int64, known map[int64]int64, most int64) (changes []Member, versions map[int64]int64, unknown []int64, err error)
}

// Direct knows the personal chats of users.
type Direct interface {
	// Recent lists the user's latest chats as clients list them, and says whether there are more.
	Recent(ctx context.Context, userID int64, most int) (list any, more bool, err error)
	// Missed returns the chats with others in which there may be something after a seq, by the other one: each with its first
	// messages, as many as each says. It says whether there is more, but not whether to reset.
	Missed(ctx context.Context, userID int64, after map[int64]int64, each int) (map[int64]*Chat, error)
}

// Messages reads messages as their readers see them.
type Messages interface {
	// ByIDs returns those messages, in the order of ids.
	ByIDs(ctx context.Context, viewer int64, ids []int64) ([]event.Message, error)
}

// Service answers requests.
type Service struct {
	store    *Store
	groups   Groups
	direct   Direct
	messages Messages
}

// New returns a Service.
func New(s *Store, g Groups, d Direct, m Messages) *Service {
	return &Service{store: s, groups: g, direct: d, messages: m}
}

// Sync answers a request. Everything in the answer is as of one moment after the call. The number of statements does not depend on
// what is asked for.
func (s *Service) Sync(ctx context.Context, userID int64, r Request) (Answer, error) {
	q, err := read(r)
	if err != nil {
		return Answer{}, err
	}
	var a Answer
	err = s.store.db.Snapshot(ctx, func(ctx context.Context) error {
		w := &work{Service: s, query: q, user: userID, next: Request{More: true}}
		err := w.run(ctx)
		a = w.answer
		return err
	})
	return a, err
}

// work is one request that is being answered.
type work struct {
	*Service
	query

	user   int64
	answer Answer
	next   Request
}

func (w *work) run(ctx context.Context) error {
	w.answer = Answer{Channels: make(map[string]*Channel, len(w.channels)), Gone: []int64{}, Direct: make(map[string]*Chat, len(w.chats))}
	list, readable, err := w.groups.Groups(ctx, w.user)
	if err != nil {
		return err
	}
	if err := w.places(ctx, readable); err != nil {
		return err
	}
	if err := w.personal(ctx); err != nil {
		return err
	}
	if !w.more {
		w.answer.Lists = &Lists{Groups: list}
		if err := w.lists(ctx); err != nil {
			return err
		}
	}
	if w.next.Channels != nil || w.next.Direct != nil {
		if w.next.Channels == nil {
			w.next.Channels = make(map[string]int64)
		}
		w.answer.Next = &w.next
	}
	return nil
}

// lists adds what was not asked for in particular.
func (w *work) lists(ctx context.Context) error {
	l := w.answer.Lists
	changes, versions, unknown, err := w.groups.Members(ctx, w.user, w.known, maxMembers)
	if err != nil {
		return err
	}
	l.Members, l.MemberLists = append([]Member{}, changes...), append([]int64{}, unknown...)
	l.Token = token(versions)
	l.Chats, l.MoreChats, err = w.direct.Recent(ctx, w.user, recentChats)
	return err
}

// personal adds the personal chats that are asked for.
func (w *work) personal(ctx context.Context) error {
	if len(w.chats) == 0 {
		return nil
	}
	missed, err := w.direct.Missed(ctx, w.user, w.chats, each(len(w.chats)))
	if err != nil {
		return err
	}
	for other, after := range w.chats {
		c, id := missed[other], strconv.FormatInt(other, 10)
		if c == nil {
			c = &Chat{}
		}
		c.Reset = after > c.LastSeq
		if c.Messages == nil {
			c.Messages = []event.PersonalMessage{}
		}
		if n := len(c.Messages); c.HasMore && n > 0 {
			if w.next.Direct == nil {
				w.next.Direct = make(map[string]int64)
			}
			w.next.Direct[id] = c.Messages[n-1].Seq
		}
		w.answer.Direct[id] = c
	}
	return nil
}

// each is how many entries of each of n lists an answer has room for.
func each(n int) int { return max(fewestOfEach, min(MaxEach, MaxMessages/max(n, 1))) }
