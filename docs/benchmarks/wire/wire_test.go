package wire

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// stream is frames as servers send them: a short message, a long one, and one in two fragments.
func stream() ([]byte, []string) {
	long := strings.Repeat("x", 300)
	s := append([]byte{0x81, 2}, "hi"...)
	s = append(append(s, 0x81, 126, 1, 44), long...)
	s = append(append(s, 0x01, 3), "abc"...)
	s = append(append(s, 0x80, 3), "def"...)
	return s, []string{"hi", long, "abcdef"}
}

func TestMessagesWhereverTheStreamIsCut(t *testing.T) {
	t.Parallel()
	all, want := stream()
	for cut := range all {
		var r Reader
		var got []string
		each := func(p []byte) error {
			got = append(got, string(p))
			return nil
		}
		require.NoError(t, r.Feed(all[:cut], each))
		require.NoError(t, r.Feed(all[cut:], each))
		require.Equal(t, want, got, "cut at %d", cut)
	}
}

func TestStoppingLeavesTheRestForLater(t *testing.T) {
	t.Parallel()
	all, want := stream()
	var r Reader
	var got []string
	err := r.Feed(all, func(p []byte) error {
		got = append(got, string(p))
		return ErrStop
	})
	for errors.Is(err, ErrStop) {
		err = r.Feed(nil, func(p []byte) error {
			got = append(got, string(p))
			return ErrStop
		})
	}
	require.NoError(t, err)
	require.Equal(t, want, got)
}
