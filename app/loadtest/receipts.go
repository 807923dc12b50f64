package loadtest

import (
	"bytes"
	"context"

	"parley/app/event"
)

// Ids of the acknowledgements that clients ask for.
const (
	ackAuth    = "0"
	ackReceipt = "1"
)

// tellReceipts has everybody tell at once what it has read, over and over.
func (r *run) tellReceipts(ctx context.Context) {
	if r.options.Receipts == 0 {
		return
	}
	for sleep(ctx, r.options.Receipts) {
		for _, c := range r.clients {
			c.tellRead()
		}
	}
}

// tellRead tells what has arrived since the last time, in each channel.
func (c *client) tellRead() {
	c.mu.Lock()
	conn := c.conn
	var packets [][]byte
	for i, s := range c.sequences {
		if conn == nil || s.last <= c.read[i] {
			continue
		}
		c.read[i] = s.last
		packets = append(packets, mustJSON([]any{event.MessageRead, map[string]int64{"channelId": s.channel.id, "seq": s.last}}))
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
	if bytes.Contains(packet, []byte(`"ok":true`)) {
		r.receiptsTaken.Add(1)
		return
	}
	r.receiptsRefused.Add(1)
}

// receiptsReport says what came of receipts, if there were any.
func (r *run) receiptsReport() *Receipts {
	if r.options.Receipts == 0 {
		return nil
	}
	return &Receipts{Told: int(r.receiptsTold.Load()), Acknowledged: int(r.receiptsTaken.Load()), Refused: int(r.receiptsRefused.Load())}
}
