package bustest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/bus"
)

// callTests are about questions and answers.
var callTests = map[string]func(*testing.T, opener){
	"a call is answered":                           testCall,
	"calls at the same time get their own answers": testConcurrentCalls,
	"a call without an inbox is unroutable":        testCallUnroutable,
	"the first answer counts":                      testFirstReply,
	"a call ends with its context":                 testCallContext,
	"only calls can be answered":                   testReplyToNothing,
	"a call comes after what was published before": testFence,
}

// answering returns a receiver that answers every call with its body and a mark of its own.
func answering(t *testing.T, b bus.Bus, mark string) *receiver {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // the test may have its answer, and end, before Reply returns
	return &receiver{hook: func(msg bus.Message) {
		if msg.ReplyTo == "" {
			return
		}
		if err := b.Reply(ctx, msg, []byte(string(msg.Body)+mark)); err != nil {
			t.Errorf("reply: %v", err)
		}
	}}
}

func testCall(t *testing.T, open opener) {
	b := open.start(t)
	r := answering(t, b, "!")
	inbox(t, b, "one", r, "server:one")
	for i := range 5 {
		question := bus.Message{Key: "server:one", Type: "fence", Body: []byte(fmt.Sprint(i))}
		answer, err := b.Call(timeout(t), question)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(i, "!"), string(answer.Body))
	}
	for _, m := range r.messages() {
		require.Equal(t, "server:one", m.Key)
		require.Equal(t, "fence", m.Type)
	}
}

func testConcurrentCalls(t *testing.T, open opener) {
	b, ctx := open.start(t), timeout(t)
	for s := range 4 {
		inbox(t, b, fmt.Sprint(s), answering(t, b, fmt.Sprint("@", s)), fmt.Sprint("server:", s))
	}
	parallel(32, func(i int) {
		for n := range 5 {
			server, body := i%4, numbered(i, n)
			answer, err := b.Call(ctx, event(fmt.Sprint("server:", server), body))
			if err != nil || string(answer.Body) != fmt.Sprint(body, "@", server) {
				t.Errorf("call %s to server %d: %q, %v", body, server, answer.Body, err)
			}
		}
	})
}

func testCallUnroutable(t *testing.T, open opener) {
	b := open.start(t)
	inbox(t, b, "one", answering(t, b, "!"), "server:one")
	ctx := timeout(t)
	parallel(16, func(int) {
		if _, err := b.Call(ctx, event("server:two", "x")); !errors.Is(err, bus.ErrUnroutable) {
			t.Errorf("call to nobody: %v", err)
		}
		if _, err := b.Call(ctx, event("server:one", "x")); err != nil {
			t.Errorf("call: %v", err)
		}
	})
	_, err := b.Call(ctx, event("server:two", "x"))
	require.ErrorContains(t, err, "server:two", "the error names the key")
}

func testFirstReply(t *testing.T, open opener) {
	b, ctx, replied := open.start(t), timeout(t), make(chan struct{}, 4)
	hook := func(msg bus.Message) {
		for _, answer := range []string{"first", "second"} {
			if err := b.Reply(ctx, msg, []byte(answer)); err != nil {
				t.Errorf("reply: %v", err)
			}
			replied <- struct{}{}
		}
	}
	inbox(t, b, "one", &receiver{hook: hook}, "server:both")
	inbox(t, b, "two", &receiver{hook: hook}, "server:both")
	answer, err := b.Call(ctx, event("server:both", "x"))
	require.NoError(t, err)
	require.Equal(t, "first", string(answer.Body))
	for range 4 {
		wait(t, "replies nobody waits for are dropped", replied)
	}
}

func testCallContext(t *testing.T, open opener) {
	b := open.start(t)
	silent := &receiver{}
	inbox(t, b, "silent", silent, "server:silent")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := b.Call(ctx, event("server:silent", "x"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	eventually(t, "the question arrives", func() bool { return len(silent.messages()) == 1 })
	require.NoError(t, b.Reply(timeout(t), silent.messages()[0], []byte("too late")))

	loud := answering(t, b, "!")
	inbox(t, b, "loud", loud, "server:loud")
	answer, err := b.Call(timeout(t), event("server:loud", "x"))
	require.NoError(t, err)
	require.Equal(t, "x!", string(answer.Body), "not the late answer to another call")
}

func testReplyToNothing(t *testing.T, open opener) {
	b, r := open.start(t), &receiver{}
	inbox(t, b, "one", r, "channel:1")
	require.NoError(t, b.Publish(timeout(t), event("channel:1", "x")))
	r.requireReceived(t, "x")
	require.Error(t, b.Reply(timeout(t), r.messages()[0], []byte("answer")))
}

// A fence is a call: its answer says that all that was published before has been received.
func testFence(t *testing.T, open opener) {
	b := open.start(t)
	r := answering(t, b, "")
	inbox(t, b, "one", r, "channel:1", "server:one")
	var want []string
	for i := range 20 {
		require.NoError(t, b.Publish(timeout(t), event("channel:1", fmt.Sprint(i)), event("channel:1", "again")))
		_, err := b.Call(timeout(t), event("server:one", "fence"))
		require.NoError(t, err)
		want = append(want, fmt.Sprint(i), "again", "fence")
		require.Equal(t, want, r.received())
	}
}
