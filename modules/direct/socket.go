package direct

import (
	"context"
	"fmt"
	"time"

	"parley/app/bus"
	"parley/app/event"
)

// Sender puts work on the bus.
type Sender interface {
	Send(ctx context.Context, msg bus.Message) error
}

// Reporter passes on what people report of how far they have got. It needs no database: who has no chat reports in vain.
type Reporter struct {
	bus        Sender
	partitions func() int
}

// NewReporter returns a Reporter. It asks for the number of partitions each time, which a socket server learns from workers.
func NewReporter(b Sender, partitions func() int) *Reporter {
	return &Reporter{bus: b, partitions: partitions}
}

// Report says that everything up to seq in the chat of reader with other has the status DELIVERED or READ for the reader. It returns
// once the bus has promised to keep that, with the bus's error otherwise.
func (r *Reporter) Report(ctx context.Context, reader, other int64, status string, seq int64) error {
	n := r.partitions()
	if n == 0 {
		return fmt.Errorf("%w: no worker has told how many partitions there are", bus.ErrUnavailable)
	}
	msg, err := event.Encode(event.PartitionKey(event.PairPartition(reader, other, n)), event.TypeDirectReceipt, event.DirectReceipt{
		ReaderID: reader, OtherID: other, Status: status, Seq: seq, At: event.At(time.Now()),
	})
	if err != nil {
		return err
	}
	return r.bus.Send(ctx, msg)
}
