package event

import (
	"fmt"
	"testing"
)

// benchMessage is a message of ordinary length.
var benchMessage = Message{
	MessageID: 123_456, GroupID: 12, ChannelID: 34, Seq: 5_678, SenderID: 90, CreatedAt: moment,
	Content: "A message of ordinary length, as people write them.", Hash: "5c8f1e0a-7a35-4d27-9a4b-2f0f3a1f5a10",
}

// BenchmarkPost is what a worker does for the messages of one channel in a batch.
func BenchmarkPost(b *testing.B) {
	for _, n := range []int{1, 32} {
		b.Run(fmt.Sprintf("%d messages", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p := NewPost(34)
				for range n {
					_ = p.Add(benchMessage, moment.Time)
				}
				b.SetBytes(int64(len(p.Message().Body)))
			}
			perMessage(b, n)
		})
	}
}

// BenchmarkNextPosted is what a socket server does to split them.
func BenchmarkNextPosted(b *testing.B) {
	for _, n := range []int{1, 32} {
		b.Run(fmt.Sprintf("%d messages", n), func(b *testing.B) {
			p := NewPost(34)
			for range n {
				_ = p.Add(benchMessage, moment.Time)
			}
			body := p.Message().Body
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				for rest := body; len(rest) > 0; {
					var err error
					if _, rest, err = NextPosted(rest); err != nil {
						b.Fatal(err)
					}
				}
			}
			perMessage(b, n)
		})
	}
}

// BenchmarkEmit is the form of all other events, for comparison.
func BenchmarkEmit(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		msg, err := NewEmit(ChannelKey(34), Emit{Event: ChannelUpdated}, benchMessage)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Decode[Emit](msg, TypeEmit); err != nil {
			b.Fatal(err)
		}
	}
}

func perMessage(b *testing.B, n int) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/message")
}
