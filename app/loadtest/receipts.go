package loadtest

import (
	"bytes"
	"context"
	"time"

	"parley/app/event"
)

// Ids of the acknowledgements that clients ask for.
const (
	ackAuth    = "0"
	ackReceipt = "1"
)

const (
	// placeboEvent is as long as event.MessageRead, and nothing that a server knows.
	placeboEvent = "PLACEBO_READ"
	// besideWindow is how long after everybody's beginning to tell messages count as sent beside that.
	besideWindow = 500 * time.Millisecond
)

// What receipts, and the placebo's events, are acknowledged with.
var (
	ackTaken   = []byte(`"ok":true`)
	ackUnknown = []byte(`"unknown_event"`)
)

// tellReceipts has everybody tell at once what it has read, over and over.
func (r *run) tellReceipts(ctx context.Context) {
	if r.options.Receipts == 0 {
		return
	}
	name := event.MessageRead
	if r.options.Placebo {
		name = placeboEvent
	}
	n := r.options.ReceiptChannels
	for first := 0; sleep(ctx, r.options.Receipts); first += n {
		r.tellingSince.Store(int64(r.clock.now()))
		for _, c := range r.clients {
			c.tellRead(name, first, n)
		}
	}
}

// tellRead tells what has arrived since the last time in n of the channels, from the one on that is first when they are
// counted round and round; 0 is all of them.
func (c *client) tellRead(name string, first, n int) {
	c.mu.Lock()
	conn := c.conn
	var packets [][]byte
	for i, s := range c.sequences {
		all := len(c.sequences)
		turn := n == 0 || (i-first%all+all)%all < n
		if conn == nil || !turn || s.last <= c.read[i] {
			continue
		}
		c.read[i] = s.last
		packets = append(packets, mustJSON([]any{name, map[string]int64{"channelId": s.channel.id, "seq": s.last}}))
	}
	c.mu.Unlock()
	for _, p := range packets {
		if conn.write(packetEvent+ackReceipt, p) == nil { // else its end is noticed
			c.run.receiptsTold.Add(1)
		}
	}
}

// acknowledged reads the answer to a receipt.
func (r *run) acknowledged(packet []byte) {
	expected := ackTaken
	if r.options.Placebo {
		expected = ackUnknown
	}
	if bytes.Contains(packet, expected) {
		r.receiptsTaken.Add(1)
		return
	}
	r.receiptsRefused.Add(1)
}

// markBeside notes whether a message that is being sent counts as sent beside receipts.
func (r *run) markBeside(rec *record, sent time.Duration) {
	if since := time.Duration(r.tellingSince.Load()); since <= sent && sent-since < besideWindow {
		rec.set(flagBeside)
	}
}

// recordDelivery counts the time from sending a message to its arrival at a client.
func (r *run) recordDelivery(client int, rec *record, now time.Duration) {
	took := now - time.Duration(rec.sentAt.Load())
	r.deliveryTimes.shard(client).record(took)
	if rec.is(flagBeside) {
		r.besideTimes.shard(client).record(took)
	}
}

// receiptsReport says what came of receipts, if there were any.
func (r *run) receiptsReport() *Receipts {
	if r.options.Receipts == 0 {
		return nil
	}
	return &Receipts{
		Told: int(r.receiptsTold.Load()), Acknowledged: int(r.receiptsTaken.Load()), Refused: int(r.receiptsRefused.Load()),
		DeliveryMS: r.besideTimes.read().latency(),
	}
}
