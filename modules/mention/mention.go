// Package mention tells people where they were called by name: as @username, or as @channel together with everyone who may
// read the channel.
//
// The mentions themselves are found and kept where messages are.
package mention

import (
	"context"

	"parley/app/event"
)

// Messages reads kept messages.
type Messages interface {
	// ByIDs returns messages as viewer sees them, in the order of ids.
	ByIDs(ctx context.Context, viewer int64, ids []int64) ([]event.Message, error)
}

// Lister finds messages that mention somebody.
type Lister interface {
	// List returns the ids of at most limit messages, the newest first, older than the one with the id before.
	List(ctx context.Context, userID, before int64, limit int) (messageIDs []int64, err error)
}
