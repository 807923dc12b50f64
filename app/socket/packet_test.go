package socket

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestFrameHeader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		payload int
		header  []byte
	}{
		{0, []byte{0x81, 0}},
		{125, []byte{0x81, 125}},
		{126, []byte{0x81, 126, 0, 126}},
		{0xffff, []byte{0x81, 126, 0xff, 0xff}},
		{0x10000, []byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
	}
	for _, test := range tests {
		text := strings.Repeat("x", test.payload)
		w := newWire(text)
		require.Equal(t, test.header, w.bytes[:w.header])
		require.Equal(t, text, string(w.packet()))
	}
}

func TestNewFrame(t *testing.T) {
	t.Parallel()
	require.Equal(t, `42["A"]`, string(NewFrame("A", nil).w.packet()))
	require.Equal(t, `42["a\"b",{"x":1}]`, string(NewFrame(`a"b`, json.RawMessage(`{"x":1}`)).w.packet()))
	require.Equal(t, 9, NewFrame("A", nil).Size())
	require.Zero(t, Frame{}.Size())
}

func TestParsePacket(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	tests := []struct {
		in   string
		want ioPacket
		err  error
	}{
		{"0", ioPacket{kind: '0', namespace: "/"}, nil},
		{`0{"token":"t"}`, ioPacket{kind: '0', namespace: "/", data: []byte(`{"token":"t"}`)}, nil},
		{`0/admin,{}`, ioPacket{kind: '0', namespace: "/admin", data: []byte(`{}`)}, nil},
		{`0/admin`, ioPacket{kind: '0', namespace: "/admin"}, nil},
		{"1", ioPacket{kind: '1', namespace: "/"}, nil},
		{`2["a"]`, ioPacket{kind: '2', namespace: "/", data: []byte(`["a"]`)}, nil},
		{`212["a"]`, ioPacket{kind: '2', namespace: "/", id: "12", data: []byte(`["a"]`)}, nil},
		{`31[]`, ioPacket{kind: '3', namespace: "/", id: "1", data: []byte(`[]`)}, nil},
		{"", ioPacket{}, errPacket},
		{"7", ioPacket{}, errPacket},
		{"\x00", ioPacket{}, errPacket},
		{`0"token"`, ioPacket{}, errPacket},
		{`0[]`, ioPacket{}, errPacket},
		{`0{`, ioPacket{}, errPacket},
		{`0{"a":` + deep + `}`, ioPacket{}, errPacket},
		{`1{}`, ioPacket{}, errPacket},
		{"2", ioPacket{}, errPacket},
		{"212", ioPacket{}, errPacket},
		{`2{"a":1}`, ioPacket{}, errPacket},
		{`299999999999999999["a"]`, ioPacket{}, errPacket},
		{"3", ioPacket{}, errPacket},
		{"31[", ioPacket{}, errPacket},
		{`4{"message":"x"}`, ioPacket{}, errDirection},
		{`51-["a",{"_placeholder":true,"num":0}]`, ioPacket{}, errBinary},
		{`61-0[]`, ioPacket{}, errBinary},
	}
	for _, test := range tests {
		got, err := parsePacket([]byte(test.in))
		if test.err != nil {
			require.ErrorIs(t, err, test.err, test.in)
			continue
		}
		require.NoError(t, err, test.in)
		if len(got.data) == 0 {
			got.data = nil
		}
		require.Equal(t, test.want, got, test.in)
	}
}

func TestParseEvent(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]string{
		`["AUTH"]`:                 {"AUTH", ""},
		`["AUTH",{"token":"t"},2]`: {"AUTH", `{"token":"t"}`},
		`[ "a" , null ]`:           {"a", "null"},
		`["ü"]`:                    {"ü", ""},
	} {
		name, payload, err := parseEvent([]byte(in))
		require.NoError(t, err, in)
		require.Equal(t, want, [2]string{name, string(payload)}, in)
	}
	for _, in := range []string{
		``, `[`, `[]`, `[1]`, `[null]`, `[{}]`, `{}`, `"a"`, `["a"`, `["a"],`, `["a",]`, `["a",{]`,
		`["connect"]`, `["connect_error"]`, `["disconnect"]`, `["disconnecting"]`, `["newListener"]`, `["removeListener"]`,
		strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000),
	} {
		_, _, err := parseEvent([]byte(in))
		require.ErrorIs(t, err, errPacket, in)
	}
}

// What passes parsePacket and parseEvent is what they say it is.
func FuzzPacket(f *testing.F) {
	for _, seed := range []string{"0", `0/a,{"x":[]}`, "1", `21["a",{}]`, `2["\u0000"]`, `31["a"]`, `51-["a"]`, "2/a,1[]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := parsePacket(in)
		if err != nil {
			return
		}
		require.True(t, strings.HasPrefix(p.namespace, "/"))
		require.LessOrEqual(t, len(p.id), maxPacketID)
		require.Contains(t, []byte{ioConnect, ioDisconnect, ioEvent, ioAck}, p.kind)
		if p.kind == ioEvent {
			name, payload, err := parseEvent(p.data)
			if err == nil {
				require.True(t, json.Valid(p.data))
				require.True(t, utf8.ValidString(name))
				require.True(t, payload == nil || json.Valid(payload))
			}
		} else if len(p.data) > 0 {
			require.True(t, json.Valid(p.data))
		}
	})
}
