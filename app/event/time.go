package event

import (
	"fmt"
	"time"
)

// timeLayout is RFC 3339 in UTC with milliseconds, the only form of a time that clients see.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is a moment with millisecond precision, as clients and the database know it.
type Time struct{ time.Time }

// At returns t in UTC, cut to milliseconds.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// FromMillis is the moment ms milliseconds after the Unix epoch, the form in which the database keeps it.
func FromMillis(ms int64) Time { return Time{time.UnixMilli(ms).UTC()} }

// MarshalJSON writes the time as contract clients expect it.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(make([]byte, 0, len(timeLayout)+2), `"`+timeLayout+`"`), nil
}

// UnmarshalJSON reads any RFC 3339 time.
func (t *Time) UnmarshalJSON(data []byte) error {
	if len(data) < 2 || data[0] != '"' {
		return fmt.Errorf("a time must be a string, not %s", data)
	}
	parsed, err := time.Parse(time.RFC3339Nano, string(data[1:len(data)-1]))
	if err != nil {
		return fmt.Errorf("not an RFC 3339 time: %w", err)
	}
	*t = At(parsed)
	return nil
}
