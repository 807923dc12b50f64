package loadtest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const ordinary = `{"messageId":12345,"groupId":7,"channelId":42,"seq":1234,"senderId":99,"content":"A message of ordinary length, as people write them.","hash":"abcd1234-5678","createdAt":"2026-11-23T21:00:00.123Z"}`

func TestScanDelivery(t *testing.T) {
	t.Parallel()
	want := delivery{42, 1234, 99, []byte("abcd1234-5678")}
	for name, object := range map[string]string{
		"as it comes":         ordinary,
		"in another order":    `{"hash":"abcd1234-5678","seq":1234,"channelId":42,"senderId":99}`,
		"with space":          " {\n\t\"hash\" : \"abcd1234-5678\" , \"seq\":1234 ,\"channelId\": 42\r,\"senderId\":99 } ",
		"content that lies":   `{"content":"\"seq\":5,\"hash\":\"x\"} ","hash":"abcd1234-5678","seq":1234,"channelId":42,"senderId":99}`,
		"backslashes":         `{"content":"\\","x":"\\\"","hash":"abcd1234-5678","seq":1234,"channelId":42,"senderId":99}`,
		"nested namesakes":    `{"reply":{"seq":5,"to":[{"hash":"x"},"]}"]},"hash":"abcd1234-5678","seq":1234,"channelId":42,"senderId":99}`,
		"words and fractions": `{"a":null,"b":true,"c":-1.5e3,"d":[],"e":{},"hash":"abcd1234-5678","seq":1234,"channelId":42,"senderId":99,"f":false}`,
		"the last one wins":   `{"seq":5,"hash":"abcd1234-5678","seq":1234,"channelId":42,"senderId":99}`,
	} {
		got, ok := scanDelivery([]byte(object))
		require.True(t, ok, name)
		require.Equal(t, want, got, name)
	}
	// Unusual, and left to encoding/json.
	for _, object := range []string{
		`{"\u0073eq":1234,"hash":"abcd1234-5678","channelId":42,"senderId":99}`,
		`{"seq":1234,"hash":"abcd1234\u002d5678","channelId":42,"senderId":99}`,
	} {
		_, ok := scanDelivery([]byte(object))
		require.False(t, ok, object)
		got, ok := readDelivery([]byte(object))
		require.True(t, ok, object)
		require.Equal(t, want, got, object)
	}
	for _, object := range []string{
		``, `{`, `{}`, `[]`, `null`, `{"seq"`, `{"seq":`, `{"seq":1`, `{"seq":1,`, `{"seq":"1"}`, `{seq:1}`, `{"seq" 1}`,
		`{"seq":1234,"hash":"h","channelId":42}`,
		`{"seq":1.5,"hash":"h","channelId":42,"senderId":99}`,
		`{"seq":12345678901234567890,"hash":"h","channelId":42,"senderId":99}`,
		`{"seq":null,"hash":"h","channelId":42,"senderId":99}`,
		`{"seq":1,"hash":5,"channelId":42,"senderId":99}`,
		`{"seq":1,"hash":"h","channelId":42,"senderId":99`,
		`{"seq":1,"hash":"h","channelId":42,"senderId":99}x`,
		`{"seq":1,"hash":"h,"channelId":42,"senderId":99}`,
		`{"x":{"seq":1,"hash":"h","channelId":42,"senderId":99}`,
		`{"x":"\`,
	} {
		_, ok := readDelivery([]byte(object))
		require.False(t, ok, object)
	}
}

func TestScanEvent(t *testing.T) {
	t.Parallel()
	for packet, want := range map[string][]string{
		`42["A",{"x":[1]}]`: {"A", `{"x":[1]}`},
		`42["A"]`:           {"A", ""},
		`42["",null]`:       {"", "null"},
	} {
		name, payload, ok := scanEvent([]byte(packet))
		require.True(t, ok, packet)
		require.Equal(t, want, []string{string(name), string(payload)}, packet)
	}
	for _, packet := range []string{"", "2", "40{}", `42`, `42[`, `42["`, `42["A`, `42["A"`, `42["A";1]`, `42[1]`, `42["A",1`, `43["A",1]`} {
		_, _, ok := scanEvent([]byte(packet))
		require.False(t, ok, packet)
	}
}

// FuzzScanDelivery compares the scanner with encoding/json: where both read a message, they read the same.
func FuzzScanDelivery(f *testing.F) {
	for _, seed := range []string{ordinary, `{"seq":1,"hash":"\"","channelId":2,"senderId":3}`, `{"a":[{"b":"\\"}],"seq":1}`, `{"a":{},"a":"}"}`, `{"":0,"seq":1 ,"seq":2}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		d, ok := scanDelivery(object)
		_, _, _ = scanEvent(object)
		if !json.Valid(object) {
			return // nothing that a server writes
		}
		var keys map[string]json.RawMessage // the names of a struct's fields would not be case-sensitive
		if json.Unmarshal(object, &keys) != nil {
			require.False(t, ok)
			return
		}
		var want delivery
		var hash *string
		plain := json.Unmarshal(keys["channelId"], &want.channelID) == nil && json.Unmarshal(keys["seq"], &want.seq) == nil &&
			json.Unmarshal(keys["senderId"], &want.senderID) == nil && json.Unmarshal(keys["hash"], &hash) == nil && hash != nil
		if ok {
			require.True(t, plain)
			want.hash = []byte(*hash)
			if !strings.ContainsRune(*hash, '\uFFFD') { // which json puts in place of what is not UTF-8
				require.Equal(t, string(want.hash), string(d.hash))
			}
			require.Equal(t, []int64{want.channelID, want.seq, want.senderID}, []int64{d.channelID, d.seq, d.senderID})
		}
	})
}
