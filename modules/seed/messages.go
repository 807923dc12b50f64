package seed

import (
	"context"
	"fmt"
	"slices"
)

func (r *run) addMessages(ctx context.Context) error {
	channels, err := r.read(ctx).channelStates("group_id", r.groupIDs())
	if err != nil {
		return err
	}
	plans := planMessages(r.Messages, channels)
	total := 0
	for _, p := range plans {
		p.plan(r.at)
		total += len(p.moments)
	}
	madeUp := make(map[int64]bool, len(r.users))
	for _, id := range r.users {
		madeUp[id] = true
	}
	scripts := conversations(talkScript)
	return r.batches(ctx, "messages", total, func(int) (int, error) {
		parts := takeParts(plans, rowBatch, r.eager)
		n, recipients := 0, 0
		err := r.write(ctx, func(t tables) (err error) {
			n, recipients, err = r.insertParts(t, parts, madeUp, scripts)
			return err
		})
		if err != nil {
			return 0, err
		}
		r.added.Messages += n
		r.added.Recipients += recipients
		return finish(plans, parts), nil
	})
}

// insertParts adds the messages of some parts, and says how many these and their recipients are.
func (r *run) insertParts(t tables, parts []part, madeUp map[int64]bool, scripts [][]line) (messages, recipients int, err error) {
	byChannel := make(map[int64]part, len(parts))
	ids := make([]int64, len(parts))
	for i, p := range parts {
		ids[i] = p.channel.ID
		byChannel[p.channel.ID] = p
	}
	channels, err := t.lockChannels(ids)
	if err != nil {
		return 0, 0, err
	}
	spans := make([]span, len(channels))
	for i, c := range channels {
		p := byChannel[c.ID]
		spans[i] = span{Channel: c.ID, Low: c.LastSeq + 1, High: c.LastSeq + int64(p.n), Goal: c.LastSeq + int64(len(p.moments))}
	}
	audiences, err := t.audiences(spans, madeUp)
	if err != nil {
		return 0, 0, err
	}
	var (
		rows      []messageRow
		calls     []callRow
		reactions []reactionRow
		pins      []pinRow
	)
	kept := spans[:0]
	for i, at := range spans {
		a := audiences[at.Channel]
		if a == nil || len(a.speakers) == 0 {
			continue // everybody has left
		}
		said, called := byChannel[at.Channel].say(at, channels[i].LastAt, newTalk(mix(at.Channel, at.Low), scripts, a.speakers))
		rows = append(rows, said...)
		calls = append(calls, called...)
		reactions = append(reactions, reactTo(said, a.speakers)...)
		if at.Low == 1 {
			pins = append(pins, pinOne(said, a.speakers, r.at)...)
		}
		kept = append(kept, at)
	}
	if recipients, err = r.keep(t, rows, calls, kept, audiences); err != nil {
		return 0, 0, err
	}
	return len(rows), recipients, t.insertMarks(reactions, pins)
}

// keep adds messages of whole spans, with cursors and recipients.
func (s *Seeder) keep(t tables, rows []messageRow, calls []callRow, spans []span, audiences map[int64]*audience) (recipients int, err error) {
	if err := t.insertMessages(rows, spans); err != nil {
		return 0, err
	}
	if err := t.insertAnswers(rows, calls); err != nil {
		return 0, err
	}
	if err := t.advanceCursors(spans); err != nil {
		return 0, err
	}
	small := slices.DeleteFunc(slices.Clone(spans), func(at span) bool { return audiences[at.Channel].readers > s.eager })
	return t.insertRecipients(small)
}

// say makes the messages of a span, the next that the part has moments for. Somebody may have written meanwhile: none
// is older than the one before.
func (p part) say(at span, lastAt int64, t *talk) (rows []messageRow, calls []callRow) {
	rows = make([]messageRow, p.n)
	begins := make([]bool, p.n)
	for i := range rows {
		seq := at.Low + int64(i)
		sender, text, first := t.next()
		begins[i] = first
		rows[i] = messageRow{
			Channel: at.Channel, Seq: seq, Sender: sender, Hash: fmt.Sprintf("seed-%d", seq), Content: text, At: max(p.moments[i], lastAt),
		}
	}
	return rows, answer(rows, begins, t.speakers)
}
