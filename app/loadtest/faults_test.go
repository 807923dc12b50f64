package loadtest_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/app/loadtest"
)

// instead changes what the user with the given id is sent of one message in the first channel. In the tests of faults, one
// sender sends everything in turn: the first member, whose id is 1, the messages with seq 1, 4, 7 … there.
func instead(user, seq int64, packets func(m fakeMessage, right string) []string) func(f *fake) {
	return func(f *fake) {
		f.tamper = func(to *fakeConn, name string, m fakeMessage) []string {
			if to.user.ID != user || m.Seq != seq || m.ChannelID != f.groups[0].Channels[0].ID {
				return nil
			}
			return packets(m, packetOf(name, m))
		}
	}
}

var nothing = []string{}

// swapped delivers seq after seq+1.
func swapped(user, seq int64) func(f *fake) {
	var held string
	return func(f *fake) {
		f.tamper = func(to *fakeConn, name string, m fakeMessage) []string {
			switch {
			case to.user.ID != user || m.ChannelID != f.groups[0].Channels[0].ID:
				return nil
			case m.Seq == seq:
				held = packetOf(name, m)
				return nothing
			case m.Seq == seq+1:
				return []string{packetOf(name, m), held}
			}
			return nil
		}
	}
}

// keeping changes what is kept of one message.
func keeping(seq int64, all func(m fakeMessage) []fakeMessage) func(f *fake) {
	done := false
	return func(f *fake) {
		f.keep = func(_ *fake, _ *fakeChannel, m fakeMessage) []fakeMessage {
			if m.Seq != seq || done {
				return []fakeMessage{m}
			}
			done = true
			return all(m)
		}
	}
}

// Every kind of fault is found, counted, and said in the verdict.
func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		set  func(f *fake)
		want loadtest.Faults
		says string
	}{
		"a delivery is missing": {
			instead(2, 7, func(fakeMessage, string) []string { return nothing }),
			loadtest.Faults{LostDeliveries: 1, Gaps: 1}, "1 deliveries did not arrive",
		},
		"the last delivery is missing": {
			instead(1, 30, func(fakeMessage, string) []string { return nothing }),
			loadtest.Faults{LostDeliveries: 1}, "1 deliveries did not arrive",
		},
		"a delivery comes twice": {
			instead(2, 7, func(_ fakeMessage, right string) []string { return []string{right, right} }),
			loadtest.Faults{Duplicates: 1}, "1 deliveries came twice at a connection",
		},
		"a delivery comes again later": {
			func(f *fake) {
				var first string
				f.tamper = func(to *fakeConn, name string, m fakeMessage) []string {
					if to.user.ID != 2 || m.ChannelID != f.groups[0].Channels[0].ID {
						return nil
					}
					if m.Seq == 1 {
						first = packetOf(name, m)
					}
					if m.Seq == 9 {
						return []string{packetOf(name, m), first}
					}
					return nil
				}
			},
			loadtest.Faults{Duplicates: 1}, "1 deliveries came twice at a connection",
		},
		"two deliveries are swapped": {swapped(2, 7), loadtest.Faults{Reordered: 1}, "1 deliveries came after a later one"},
		"the first is swapped":       {swapped(2, 1), loadtest.Faults{Reordered: 1}, "1 deliveries came after a later one"},
		"an accepted message is not kept": {
			keeping(7, func(fakeMessage) []fakeMessage { return nil }),
			loadtest.Faults{LostMessages: 1}, "1 accepted messages are not in the history",
		},
		"a message is kept twice": {
			keeping(7, func(m fakeMessage) []fakeMessage {
				again := m
				again.Seq++
				return []fakeMessage{m, again}
			}),
			loadtest.Faults{StoredTwice: 1}, "1 messages are in the history more than once",
		},
		"a number is left out": {
			keeping(7, func(m fakeMessage) []fakeMessage {
				m.Seq++
				return []fakeMessage{m}
			}),
			loadtest.Faults{HistoryGaps: 1, Gaps: 3}, "1 numbers are left out in the history",
		},
		"somebody is sent another message than the others": {
			instead(2, 7, func(m fakeMessage, right string) []string {
				return []string{strings.Replace(right, m.Hash, "something-else", 1)}
			}),
			loadtest.Faults{Differing: 1}, "1 times a connection was sent other messages than the history has",
		},
		"a message names the wrong sender": {
			instead(2, 7, func(m fakeMessage, _ string) []string {
				m.SenderID = 4
				return []string{packetOf("GROUP_MESSAGE_RECEIVE", m)}
			}),
			loadtest.Faults{Differing: 1}, "other messages",
		},
		"somebody's own message comes as that of another": {
			func(f *fake) {
				f.tamper = func(to *fakeConn, _ string, m fakeMessage) []string {
					if to.user.ID == m.SenderID && strings.HasSuffix(m.Hash, "-7") {
						return []string{packetOf("GROUP_MESSAGE_RECEIVE", m)}
					}
					return nil
				}
			},
			loadtest.Faults{Misaddressed: 1, Unconfirmed: 1}, "1 accepted messages were not confirmed to their sender",
		},
		"a message of a channel that is none of the user's": {
			instead(2, 7, func(m fakeMessage, right string) []string {
				m.ChannelID = 999
				return []string{right, packetOf("GROUP_MESSAGE_RECEIVE", m)}
			}),
			loadtest.Faults{Misaddressed: 1}, "1 events reached somebody whom they are not for",
		},
		"rubbish": {
			instead(2, 7, func(_ fakeMessage, right string) []string {
				return []string{right, `42["GROUP_MESSAGE_RECEIVE",{"seq":1}]`, `42["GROUP_MESSAGE_FAILED",1]`, `4x`, `42[]`}
			}),
			loadtest.Faults{Unreadable: 4}, "4 events could not be read",
		},
		"an accepted message is given up": {
			func(f *fake) {
				keeping(7, func(m fakeMessage) []fakeMessage {
					for c := range f.conns {
						if c.user.ID == m.SenderID {
							c.emit("GROUP_MESSAGE_FAILED", map[string]any{"hash": m.Hash, "channelId": m.ChannelID, "code": "not_kept"})
						}
					}
					return nil
				})(f)
			},
			loadtest.Faults{Failed: 1}, "1 accepted messages were given up (GROUP_MESSAGE_FAILED)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := impatient(newFake(t, tt.set))
			o.Senders = 1
			r := runOf(t, o)
			require.Equal(t, tt.want, r.Faults, r.Verdict.Problems)
			require.False(t, r.Verdict.OK)
			require.Contains(t, strings.Join(r.Verdict.Problems, "\n"), tt.says)
			require.Equal(t, 60, r.Load.Accepted)
			incomplete := tt.want.LostMessages + tt.want.LostDeliveries + tt.want.Failed
			require.Equal(t, 60-incomplete, r.Load.Delivered, "what is incomplete is not throughput")
		})
	}
}

// drop ends somebody's connection at a message, which the user does not get, nor those that follow until the return.
func drop(user, seq int64, before func(c *fakeConn)) func(f *fake) {
	var dropped atomic.Bool
	return func(f *fake) {
		f.tamper = func(to *fakeConn, _ string, m fakeMessage) []string {
			if to.user.ID != user || m.Seq != seq || dropped.Swap(true) {
				return nil
			}
			before(to)
			_ = to.ws.Close()
			return nothing
		}
	}
}

// What a client of its kind has to bear is no fault: it comes back, and catches up.
func TestWhatClientsBear(t *testing.T) {
	t.Parallel()
	t.Run("a lost connection", func(t *testing.T) {
		t.Parallel()
		r := runOf(t, small(newFake(t, drop(2, 7, func(*fakeConn) {}))))
		require.True(t, r.Verdict.OK, r.Verdict.Problems)
		require.Equal(t, 1, r.Connect.Disconnects)
		require.Equal(t, 1, r.Connect.Reconnects)
		require.EqualValues(t, 1, r.Connect.ReconnectMS.Count)
		require.Positive(t, r.Load.CaughtUp)
		require.Equal(t, 180, r.Load.CaughtUp+r.Load.Deliveries)
		require.Equal(t, 60, r.Load.Delivered)
	})
	t.Run("a server that goes away", func(t *testing.T) {
		t.Parallel()
		r := runOf(t, small(newFake(t, drop(2, 7, func(c *fakeConn) { c.emit("DRAIN", map[string]int{"reconnectInMs": 20}) }))))
		require.True(t, r.Verdict.OK, r.Verdict.Problems)
		require.Equal(t, 1, r.Connect.Drains)
		require.Less(t, r.Connect.ReconnectMS.MaxMS, 450.0, "as soon as the server said, not after the usual time")
	})
	t.Run("a disconnect by the server", func(t *testing.T) {
		t.Parallel()
		r := runOf(t, small(newFake(t, drop(2, 7, func(c *fakeConn) { c.send("41") }))))
		require.True(t, r.Verdict.OK, r.Verdict.Problems)
		require.Equal(t, 1, r.Sending.Errors["disconnected: io server disconnect"])
	})
	for name, late := range map[string]bool{"RESYNC, and a message is missing": false, "RESYNC late": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resync := packetOf("RESYNC", map[string]string{"reason": "broker"})
			f := newFake(t, func(f *fake) {
				var lost atomic.Bool
				f.tamper = func(to *fakeConn, _ string, m fakeMessage) []string {
					switch {
					case to.user.ID == m.SenderID || to.user.ID != 2 || m.Seq < 7:
						return nil
					case lost.CompareAndSwap(false, true): // the first one of somebody else from there on
						if late {
							return nothing
						}
						return []string{resync}
					case late && m.Seq > 12:
						return []string{packetOf("GROUP_MESSAGE_RECEIVE", m), resync}
					}
					return nil
				}
			})
			r := runOf(t, small(f))
			require.True(t, r.Verdict.OK, r.Verdict.Problems)
			require.Positive(t, r.Connect.Resyncs)
			require.Zero(t, r.Connect.Disconnects)
		})
	}
	t.Run("a member who does not come back", func(t *testing.T) {
		t.Parallel()
		f := newFake(t, nil)
		drop(2, 7, func(c *fakeConn) { f.banned = c.user.ID })(f)
		r := runOf(t, impatient(f))
		require.False(t, r.Verdict.OK)
		require.Equal(t, 1, r.Connect.Unreconnected)
		require.Contains(t, r.Verdict.Problems, "1 members had no connection in the end")
	})
}

// refuse answers n tries to send a message, from the given one on.
func refuse(from, n int, how func(w http.ResponseWriter)) func(f *fake) {
	tries := 0
	return func(f *fake) {
		f.answer = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/messages") {
				return false
			}
			if tries++; tries < from || tries >= from+n {
				return false
			}
			how(w)
			return true
		}
	}
}

func TestSendingAgain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		set  func(f *fake)
		want loadtest.Sending
	}{
		"not accepted for now": {
			refuse(7, 3, func(w http.ResponseWriter) { problem(w, http.StatusServiceUnavailable, "overloaded") }),
			loadtest.Sending{Retries: 3, Refused: 3, Errors: map[string]int{}},
		},
		"too fast": {
			refuse(7, 2, func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", "1")
				problem(w, http.StatusTooManyRequests, "rate_limited")
			}),
			loadtest.Sending{Retries: 2, RateLimited: 2, Errors: map[string]int{}},
		},
		"an error": {
			refuse(7, 1, func(w http.ResponseWriter) { problem(w, http.StatusInternalServerError, "internal_error") }),
			loadtest.Sending{Retries: 1, Errors: map[string]int{"send: 500 internal_error": 1}},
		},
		"an expired token": {
			refuse(7, 1, func(w http.ResponseWriter) { problem(w, http.StatusUnauthorized, "token_expired") }),
			loadtest.Sending{Retries: 1, Errors: map[string]int{"send: 401 token_expired": 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := small(newFake(t, tt.set))
			o.Senders = 1
			r := runOf(t, o)
			require.True(t, r.Verdict.OK, r.Verdict.Problems)
			tt.want.Sent, tt.want.Accepted, tt.want.InFlightMax = 60, 60, r.Sending.InFlightMax
			require.Equal(t, tt.want, r.Sending)
		})
	}
	t.Run("a worker that publishes again what it has published", func(t *testing.T) {
		t.Parallel()
		r := runOf(t, small(newFake(t, func(f *fake) {
			f.kept = func(f *fake, m fakeMessage) {
				if strings.HasSuffix(m.Hash, "-7") {
					f.tell(m, func(c *fakeConn) bool { return c.user.ID == m.SenderID })
				}
			}
		})))
		require.True(t, r.Verdict.OK, r.Verdict.Problems)
		require.Equal(t, 1, r.Sending.ConfirmedAgain)
	})
	t.Run("an answer that gets lost", func(t *testing.T) {
		t.Parallel()
		f := newFake(t, nil)
		tries := 0
		f.answer = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/messages") {
				return false
			}
			if tries++; tries != 7 {
				return false
			}
			f.post(f.userOf(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")), discard{}, r)
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = conn.Close()
			}
			return true
		}
		r := runOf(t, small(f))
		require.True(t, r.Verdict.OK, "it is confirmed twice, and that is as it should be: %v", r.Verdict.Problems)
		require.Equal(t, 1, r.Sending.Retries)
		require.Equal(t, map[string]int{"send: unexpected EOF": 1}, r.Sending.Errors)
	})
	t.Run("for good", func(t *testing.T) {
		t.Parallel()
		r := runOf(t, small(newFake(t, refuse(7, 1, func(w http.ResponseWriter) { problem(w, http.StatusForbidden, "forbidden") }))))
		require.False(t, r.Verdict.OK)
		require.Equal(t, 1, r.Sending.GivenUp)
		require.Equal(t, []string{"1 messages were never accepted"}, r.Verdict.Problems)
		require.Equal(t, 59, r.Load.Delivered)
	})
	t.Run("never", func(t *testing.T) {
		t.Parallel()
		o := small(newFake(t, refuse(1, 1000, func(w http.ResponseWriter) { problem(w, http.StatusServiceUnavailable, "overloaded") })))
		o.Messages, o.Patience = 4, 500*time.Millisecond
		r := runOf(t, o)
		require.False(t, r.Verdict.OK)
		require.Contains(t, strings.Join(r.Verdict.Problems, "\n"), "were never accepted")
	})
}

// discard is an answer that nobody gets.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
