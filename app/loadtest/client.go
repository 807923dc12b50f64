package loadtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"parley/app/event"
)

// client is a member who is connected, over and over if need be. What it finds is its own until somebody reads it under mu.
type client struct {
	*member
	run   *run
	index int

	known     atomic.Int64 // messages of the run that it knows
	delivered atomic.Int64 // of them, those that arrived live and are measured
	lastAt    atomic.Int64 // when the last of those arrived

	mu        sync.Mutex
	sequences []sequence
	byID      map[int64]*sequence
	faults    Faults
	read      []int64 // by sequence: what was told of it
	conn      *conn   // nil while there is none
	lostAt    time.Duration
	comeBack  time.Duration // what DRAIN asked for
	caughtUp  int
	// How often it was told once more that a message of its own is kept.
	confirmedAgain int
	everSaid       bool // SUBSCRIBED
	online         bool // SUBSCRIBED on this connection

	subscribed chan struct{} // closed at the first SUBSCRIBED
	catchUp    chan struct{} // holds one if the history is to be read
	stopping   atomic.Bool
}

func newClient(r *run, m *member, index int) *client {
	c := &client{
		member: m, run: r, index: index,
		sequences: make([]sequence, len(m.channels)), read: make([]int64, len(m.channels)), byID: make(map[int64]*sequence, len(m.channels)),
		subscribed: make(chan struct{}), catchUp: make(chan struct{}, 1),
	}
	for i, ch := range m.channels {
		c.sequences[i] = sequence{channel: ch, top: ch.base, last: ch.base}
		c.byID[ch.id] = &c.sequences[i]
	}
	return c
}

// stay keeps the client connected until ctx ends.
func (c *client) stay(ctx context.Context) {
	var reading sync.WaitGroup
	defer reading.Wait()
	reading.Go(func() { c.readHistory(ctx) })
	pause := jitteredBackoff{}
	for attempt := c.index; ctx.Err() == nil; attempt++ {
		urls := c.run.options.SocketURLs
		began := c.run.clock.now()
		conn, err := dialConn(ctx, urls[attempt%len(urls)], c.tokens.Load().access, c.run.clock, &c.run.buffers)
		if err != nil {
			if ctx.Err() == nil {
				c.dialFailed(ctx, err)
				pause.wait(ctx)
			}
			continue
		}
		pause = jitteredBackoff{}
		c.begin(conn, began)
		err = c.listen(ctx, conn, began)
		c.end(conn, err)
		if ctx.Err() == nil {
			c.returnTime(ctx)
		}
	}
}

// jitteredBackoff is how official clients wait between two attempts to connect: 1 s to 5 s, with a jitter of one half.
type jitteredBackoff struct{ tries int }

func (b *jitteredBackoff) wait(ctx context.Context) {
	b.tries++
	d := min(time.Second<<min(b.tries-1, 3), maxPause)
	sleep(ctx, jitter(d/2))
}

func (c *client) dialFailed(ctx context.Context, err error) {
	c.run.failedDials.Add(1)
	kind := "connect: " + cause(err)
	if refused := (*connectError)(nil); errors.As(err, &refused) {
		kind = "connect: " + refused.code
		if refused.code == "token_expired" {
			c.renewOrNote(ctx, c.tokens.Load())
		}
	}
	c.run.noteError(kind)
}

// returnTime waits before coming back: as long as DRAIN said, or as official clients do.
func (c *client) returnTime(ctx context.Context) {
	c.mu.Lock()
	d := c.comeBack
	c.comeBack = 0
	c.mu.Unlock()
	if d > 0 {
		sleep(ctx, d)
		return
	}
	(&jitteredBackoff{}).wait(ctx)
}

// begin takes up a new connection.
func (c *client) begin(conn *conn, began time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn = conn; c.everSaid {
		for i := range c.sequences {
			c.sequences[i].reconnected()
		}
	} else {
		c.run.connectTimes.shard(c.index).record(c.run.clock.now() - began)
	}
}

// end notes the end of a connection.
func (c *client) end(conn *conn, err error) {
	conn.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = nil
	if c.stopping.Load() {
		return
	}
	c.lostAt = c.run.clock.now()
	c.online = false
	c.run.disconnects.Add(1)
	c.run.noteError("disconnected: " + cause(err))
}

var errServerDisconnect = errors.New("io server disconnect")

// listen handles what a connection brings until it ends.
func (c *client) listen(ctx context.Context, conn *conn, began time.Duration) error {
	stop := context.AfterFunc(ctx, func() {
		c.stopping.Store(true)
		conn.close()
	})
	defer stop()
	for {
		packet, err := conn.next()
		if err != nil {
			return err
		}
		if err := c.packet(conn, packet, began); err != nil {
			return err
		}
	}
}

var (
	receivedName = []byte(event.MessageReceive)
	sentName     = []byte(event.MessageSent)
)

// packet handles one packet.
func (c *client) packet(conn *conn, packet []byte, began time.Duration) error {
	name, payload, ok := scanEvent(packet)
	switch {
	case ok && bytes.Equal(name, receivedName):
		c.arrived(payload, conn.raw.at, false)
	case ok && bytes.Equal(name, sentName):
		c.arrived(payload, conn.raw.at, true)
	case ok:
		c.event(string(name), payload, began)
	case string(packet) == packetPing:
		return errors.Join(conn.heard(), conn.write(packetPong, nil))
	case bytes.HasPrefix(packet, []byte(packetDisconnect)):
		return errServerDisconnect
	case bytes.HasPrefix(packet, []byte(packetAck+ackReceipt+"[")):
		c.run.acknowledged(packet)
	case bytes.HasPrefix(packet, []byte(packetAck)):
		return authenticated(packet)
	default:
		c.unreadable()
	}
	return nil
}

// authenticated reads the answer to AUTH.
func authenticated(packet []byte) error {
	data := bytes.TrimLeft(packet[len(packetAck):], "0123456789")
	var answer []struct {
		OK bool `json:"ok"`
	}
	if json.Unmarshal(data, &answer) != nil || len(answer) == 0 || !answer[0].OK {
		return fmt.Errorf("AUTH was refused: %s", data)
	}
	return nil
}

func (c *client) unreadable() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults.Unreadable++
}

// arrived takes a message. It is what a load test does most.
func (c *client) arrived(payload []byte, now time.Duration, isSent bool) {
	d, ok := readDelivery(payload)
	if !ok {
		c.unreadable()
		return
	}
	mark, n, rec := c.run.ledger.fingerprint(d)
	again := false
	if isSent && rec != nil {
		again = rec.is(flagConfirmed | flagRepeated)
		rec.set(flagConfirmed)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.byID[d.channelID]
	if s == nil || isSent != (d.senderID == c.id) {
		c.faults.Misaddressed++
		if s == nil {
			return
		}
	}
	var verdict arrival
	var isNew bool
	if again && d.seq <= s.last {
		// Senders are told of every attempt, their own and those of a worker that does not know whether it has told them.
		c.confirmedAgain++
		isNew = s.learn(d.seq, mark)
	} else {
		verdict, isNew = s.arrive(d.seq, mark, now)
	}
	switch verdict {
	case arrivedLate:
		c.faults.Reordered++
	case arrivedTwice:
		c.faults.Duplicates++
	case arrivedInOrder:
	}
	if !isNew {
		return
	}
	c.known.Add(1)
	if rec != nil && n >= c.run.measuredFrom.Load() {
		c.delivered.Add(1)
		c.lastAt.Store(int64(now))
		c.run.recordDelivery(c.index, rec, now)
	}
}

// event handles any other event.
func (c *client) event(name string, payload []byte, began time.Duration) {
	switch name {
	case event.Subscribed:
		c.nowSubscribed(began)
	case event.Resync:
		c.run.resyncs.Add(1)
		now := c.run.clock.now()
		c.mu.Lock()
		for i := range c.sequences {
			c.sequences[i].resync(now)
		}
		c.mu.Unlock()
		c.wantHistory()
	case event.Drain:
		c.run.drains.Add(1)
		var drain struct {
			ReconnectInMS int64 `json:"reconnectInMs"`
		}
		if json.Unmarshal(payload, &drain) != nil {
			c.unreadable()
			return
		}
		c.mu.Lock()
		c.comeBack = max(time.Duration(drain.ReconnectInMS)*time.Millisecond, time.Millisecond)
		c.mu.Unlock()
	case event.MessageFailed:
		var failed event.Failed
		if json.Unmarshal(payload, &failed) != nil {
			c.unreadable()
			return
		}
		if _, rec, ok := c.run.ledger.find([]byte(failed.Hash)); ok {
			rec.set(flagFailed)
		}
		c.run.noteError(event.MessageFailed + ": " + failed.Code)
	}
}

func (c *client) nowSubscribed(began time.Duration) {
	now := c.run.clock.now()
	c.mu.Lock()
	first := !c.everSaid
	c.everSaid, c.online = true, true
	lostAt := c.lostAt
	c.mu.Unlock()
	if first {
		c.run.subscribedTimes.shard(c.index).record(now - began)
		c.run.noteSubscribed(now)
		close(c.subscribed)
		return
	}
	c.run.reconnects.Add(1)
	c.run.reconnectTimes.shard(c.index).record(now - lostAt)
	c.wantHistory()
}

func (c *client) wantHistory() {
	select {
	case c.catchUp <- struct{}{}:
	default: // already wanted, and not begun
	}
}

// readHistory catches up whenever there is reason to.
func (c *client) readHistory(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.catchUp:
		}
		if c.run.options.ConnectOnly {
			continue // nothing is sent
		}
		for pause := newBackoff(c.patience); ; {
			err := c.catchUpAll(ctx)
			if err == nil || ctx.Err() != nil {
				break
			}
			c.run.noteError("catch up: " + cause(err))
			if !pause.wait(ctx, 0) {
				break
			}
		}
	}
}

// catchUpAll reads what is missing in each channel, as clients do: the list of groups says where there is anything.
func (c *client) catchUpAll(ctx context.Context) error {
	c.mu.Lock()
	due := c.sequences[0].due // the same in all of them; there may be a reason more when this is done
	c.mu.Unlock()
	var groups []remoteGroup
	if err := c.do(ctx, http.MethodGet, "/groups", nil, &groups); err != nil {
		return err
	}
	last := make(map[int64]int64)
	for _, g := range groups {
		for _, ch := range g.Channels {
			last[ch.ID] = ch.LastSeq
		}
	}
	for i := range c.sequences {
		if err := c.catchUpOne(ctx, &c.sequences[i], last[c.sequences[i].channel.id]); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.sequences {
		c.sequences[i].caughtUp(due)
	}
	return nil
}

// catchUpOne reads what is missing up to a number; what is sent later comes live.
func (c *client) catchUpOne(ctx context.Context, s *sequence, last int64) error {
	c.mu.Lock()
	after := s.missing()
	c.mu.Unlock()
	for more := after < last; more; {
		page, err := c.page(ctx, s.channel, after)
		if err != nil {
			return err
		}
		more = page.HasMore && len(page.Messages) > 0
		c.mu.Lock()
		for _, m := range page.Messages {
			c.learn(s, m)
			after = m.Seq
		}
		c.mu.Unlock()
	}
	return nil
}

// learn takes a message from the history.
func (c *client) learn(s *sequence, m historic) {
	mark, n, rec := c.run.ledger.fingerprint(m.delivery())
	if rec != nil && m.SenderID == c.id {
		rec.set(flagConfirmed)
	}
	if !s.learn(m.Seq, mark) {
		return
	}
	c.known.Add(1)
	if rec != nil && n >= c.run.measuredFrom.Load() {
		c.caughtUp++
		c.lastAt.Store(int64(c.run.clock.now()))
	}
}

// historic is a message of the history.
type historic struct {
	ChannelID int64  `json:"channelId"`
	Seq       int64  `json:"seq"`
	SenderID  int64  `json:"senderId"`
	Hash      string `json:"hash"`
}

func (h historic) delivery() delivery {
	return delivery{h.ChannelID, h.Seq, h.SenderID, []byte(h.Hash)}
}

// page is a page of the history.
type page struct {
	Messages []historic `json:"messages"`
	HasMore  bool       `json:"hasMore"`
}

const pageSize = 200

func (m *member) page(ctx context.Context, ch *channel, after int64) (page, error) {
	var p page
	err := m.do(ctx, http.MethodGet, ch.path+"?after="+strconv.FormatInt(after, 10)+"&limit="+strconv.Itoa(pageSize), nil, &p)
	return p, err
}

// authenticate gives the connection a fresh token.
func (c *client) authenticate() {
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	if conn != nil {
		_ = conn.write(packetEvent+ackAuth, mustJSON([]any{event.Auth, map[string]string{"token": c.tokens.Load().access}})) // else its end is noticed
	}
}

// renewOrNote replaces tokens, and counts it as a failure if it cannot.
func (c *client) renewOrNote(ctx context.Context, used *tokens) bool {
	err := c.renew(ctx, used)
	if err != nil {
		c.run.noteError("renew a token: " + cause(err))
	}
	return err == nil
}
