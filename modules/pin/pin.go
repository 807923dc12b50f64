// Package pin keeps the messages that people have pinned in a channel.
package pin

import "parley/app/problem"

// MaxPins is the most pinned messages that a channel has.
const MaxPins = 100

// ErrFull is one more pin where there are too many.
var ErrFull = problem.New(409, "pins_full", "This channel has as many pinned messages as it can have.").
	WithDetail("At most 100 messages can be pinned in a channel. Unpin one that is not needed any more.")
