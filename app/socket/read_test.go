package socket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// maskedFrame is a frame as clients send it.
func maskedFrame(first byte, key [4]byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, bitMasked|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, bitMasked|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, bitMasked|127), uint64(n))
	}
	b = append(b, key[:]...)
	masked := bytes.Clone(payload)
	unmask(masked, key, 0)
	return append(b, masked...)
}

// readers are a reader of each kind, with the other end of its connection: over TCP, it waits without a buffer.
func readers(t *testing.T, run func(t *testing.T, r *reader, client net.Conn)) {
	pool := &sync.Pool{New: func() any { return new(readBuffer) }}
	t.Run("tcp", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		client, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		server, err := listener.Accept()
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		defer func() { _, _ = client.Close(), server.Close() }()
		run(t, newReader(server, rawConn(server), pool, 64<<10), client)
	})
	t.Run("pipe", func(t *testing.T) {
		server, client := net.Pipe()
		defer func() { _, _ = client.Close(), server.Close() }()
		run(t, newReader(server, nil, pool, 64<<10), client)
	})
}

// readAll reads as a session does, and returns what comes: messages, and pings in brackets.
func readAll(r *reader) (got []string, err error) {
	messages := &sync.Pool{New: func() any { return new(bytes.Buffer) }}
	pong := func(data string) error { got = append(got, "["+data+"]"); return nil }
	handle := func(packet []byte) error { got = append(got, string(packet)); return nil }
	for err == nil {
		if err = r.wait(); err == nil {
			err = r.next(messages, pong, handle)
		}
	}
	return got, err
}

// Messages arrive whole and in order, however they are cut into frames and the frames into packets, and whatever
// control frames come in between.
func TestReaderProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var (
			stream []byte
			want   []string
		)
		for i := range rapid.IntRange(0, 5).Draw(rt, "messages") {
			key := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(rt, "key"))
			payload := bytes.Repeat([]byte(fmt.Sprint(i)), rapid.OneOf(
				rapid.IntRange(0, 200), rapid.IntRange(readBufferBytes-20, readBufferBytes+20), rapid.IntRange(0, 60_000),
			).Draw(rt, "size"))
			var before []string
			for op, rest := byte(opText&opMask), payload; ; op = opContinuation {
				if rapid.IntRange(0, 3).Draw(rt, "ping") == 0 {
					stream = append(stream, maskedFrame(opPing|bitFinal, key, []byte("data"))...)
					before = append(before, "[data]")
				}
				if rapid.IntRange(0, 3).Draw(rt, "pong") == 0 {
					stream = append(stream, maskedFrame(opPong, key, nil)...)
				}
				if n := rapid.IntRange(0, len(rest)).Draw(rt, "cut"); n < len(rest) && rapid.Bool().Draw(rt, "more") {
					stream = append(stream, maskedFrame(op, key, rest[:n])...)
					rest = rest[n:]
					continue
				}
				stream = append(stream, maskedFrame(op|bitFinal, key, rest)...)
				break
			}
			want = append(append(want, before...), string(payload))
		}
		sizes := rapid.SliceOfN(rapid.IntRange(1, 5000), 1, 10).Draw(rt, "writes")
		readers(t, func(t *testing.T, r *reader, client net.Conn) {
			go func() {
				for i, rest := 0, stream; len(rest) > 0; i++ {
					n := min(len(rest), sizes[i%len(sizes)])
					_, _ = client.Write(rest[:n])
					rest = rest[n:]
				}
				_ = client.Close()
			}()
			got, err := readAll(r)
			require.ErrorIs(t, err, io.EOF)
			require.Equal(t, want, got)
			require.True(t, r.idle())
			require.Nil(t, r.buf, "an idle reader keeps no buffer")
		})
	})
}

// What breaks the protocol is refused, with the code that the client is to be told.
func TestReaderRefuses(t *testing.T) {
	t.Parallel()
	const broken, large, left = websocket.CloseProtocolError, websocket.CloseMessageTooBig, -1
	key := [4]byte{1, 2, 3, 4}
	text := maskedFrame(opText, key, []byte("hello"))
	part := maskedFrame(opText&opMask, key, make([]byte, 60_000))
	for name, test := range map[string]struct {
		stream []byte
		code   int
	}{
		"reserved bit":             {maskedFrame(opText|0x40, key, nil), broken},
		"unknown opcode":           {maskedFrame(0x83, key, nil), broken},
		"unknown control opcode":   {maskedFrame(0x8b, key, nil), broken},
		"not masked":               {[]byte{opText, 0}, broken},
		"ping in parts":            {maskedFrame(opPing, key, nil), broken},
		"ping of 126 bytes":        {maskedFrame(opPing|bitFinal, key, make([]byte, 126)), broken},
		"continuation of nothing":  {maskedFrame(opContinuation|bitFinal, key, nil), broken},
		"message within another":   {append(bytes.Clone(part), text...), broken},
		"close without a meaning":  {maskedFrame(opClose, key, []byte{0, 1}), broken},
		"close that is not sent":   {maskedFrame(opClose, key, []byte{3, 0xee}), broken}, // 1006
		"close that is not UTF-8":  {maskedFrame(opClose, key, []byte{3, 0xe8, 0xff}), broken},
		"too large":                {maskedFrame(opText, key, make([]byte, 64<<10+1)), large},
		"far too large":            {append([]byte{opText, bitMasked | 127, 0x7f}, bytes.Repeat([]byte{0xff}, 11)...), large},
		"beyond all numbers":       {append([]byte{opText, bitMasked | 127}, bytes.Repeat([]byte{0xff}, 12)...), 0},
		"too large in parts":       {append(bytes.Clone(part), maskedFrame(opContinuation|bitFinal, key, make([]byte, 6000))...), large},
		"close":                    {maskedFrame(opClose, key, []byte{3, 0xe8, 'b', 'y', 'e'}), left},
		"close with half a code":   {maskedFrame(opClose, key, []byte{3}), left},
		"close without a reason":   {maskedFrame(opClose, key, nil), left},
		"close of the application": {maskedFrame(opClose, key, []byte{0x0f, 0xa0}), left}, // 4000
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			readers(t, func(t *testing.T, r *reader, client net.Conn) {
				go func() { _, _ = client.Write(append(bytes.Clone(text), test.stream...)) }()
				got, err := readAll(r)
				require.Equal(t, []string{"hello"}, got)
				if test.code == left {
					var closed *websocket.CloseError
					require.ErrorAs(t, err, &closed)
					return
				}
				var refused *refusal
				require.ErrorAs(t, err, &refused)
				require.Equal(t, test.code, refused.code)
				require.True(t, refused.lost)
			})
		})
	}
}
