package tinode

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"parley/docs/benchmarks/wire"
)

// client is one user with one connection.
type client struct {
	conn    *wire.Conn
	user    int
	token   string
	writing sync.Mutex
	nextID  atomic.Int64
	done    chan struct{} // closed when the connection has ended
	err     error         // why; to be read after done

	mu      sync.Mutex
	answers map[string]chan ctrl

	// Only the reader touches these, until it is asked to stop.
	last    map[string]int64 // seq by topic
	got     *atomic.Int64    // arrivals of the run
	faults  int
	latency []time.Duration
}

// ctrl is the server's answer to a request.
type ctrl struct {
	ID     string `json:"id"`
	Code   int    `json:"code"`
	Text   string `json:"text"`
	Topic  string `json:"topic"`
	Params struct {
		Token string `json:"token"`
	} `json:"params"`
}

// dial connects and greets.
func dial(ctx context.Context, addr string, user int, got *atomic.Int64) (*client, error) {
	conn, err := wire.Dial(ctx, "ws://"+addr+"/v0/channels?apikey="+apiKey)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{}) // that of the dialling
	c := &client{conn: conn, user: user, done: make(chan struct{}), answers: map[string]chan ctrl{}, last: map[string]int64{}, got: got}
	go func() {
		defer close(c.done)
		c.err = conn.ReadMessages(c.read)
	}()
	_, err = c.ask(ctx, "hi", map[string]any{"ver": "0.22"})
	return c, err
}

func (c *client) close() {
	_ = c.conn.Close()
	<-c.done
}

// signUp makes the user's account; signIn uses the token that this gave.
func (c *client) signUp(ctx context.Context) error {
	secret := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "bench%d:password", c.user))
	answer, err := c.ask(ctx, "acc", map[string]any{"user": "new", "scheme": "basic", "secret": secret, "login": true})
	c.token = answer.Params.Token
	return err
}

func (c *client) signIn(ctx context.Context, token string) error {
	c.token = token
	_, err := c.ask(ctx, "login", map[string]any{"scheme": "token", "secret": token})
	return err
}

// open makes a topic that everybody may join, read and write, without presence: each arrival would be told to everybody.
func (c *client) open(ctx context.Context) (topic string, err error) {
	const access = "JRWS"
	set := map[string]any{"desc": map[string]any{"defacs": map[string]string{"auth": access, "anon": "N"}}}
	answer, err := c.ask(ctx, "sub", map[string]any{"topic": "new", "set": set})
	return answer.Topic, err
}

// subscribe attaches to a topic, of which the user becomes a subscriber the first time. A topic that the server is just loading is
// locked for a moment.
func (c *client) subscribe(ctx context.Context, topic string) error {
	for {
		answer, err := c.ask(ctx, "sub", map[string]any{"topic": topic})
		if answer.Code != http.StatusServiceUnavailable {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// ask sends a request and waits for its answer.
func (c *client) ask(ctx context.Context, kind string, fields map[string]any) (ctrl, error) {
	id := strconv.FormatInt(c.nextID.Add(1), 10)
	fields["id"] = id
	answered := make(chan ctrl, 1)
	c.mu.Lock()
	c.answers[id] = answered
	c.mu.Unlock()
	if err := c.send(map[string]any{kind: fields}); err != nil {
		return ctrl{}, err
	}
	select {
	case a := <-answered:
		if a.Code >= 400 {
			return a, fmt.Errorf("%s: %d %s", kind, a.Code, a.Text)
		}
		return a, nil
	case <-c.done:
		return ctrl{}, fmt.Errorf("%s: the connection ended: %w", kind, errors.Join(c.err, errDropped))
	case <-ctx.Done():
		return ctrl{}, fmt.Errorf("%s: %w", kind, ctx.Err())
	}
}

var errDropped = errors.New("dropped by the server")

func (c *client) send(message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		return err
	}
	return c.write(data)
}

func (c *client) write(data []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.conn.WriteText(data)
}

// publish sends a message, with the time that it counts from in front of the text.
func (c *client) publish(topic string, id string, from time.Time) error {
	return c.write(fmt.Appendf(nil, `{"pub":{"id":"%s","topic":"%s","content":"@%d The quick brown fox jumps over"}}`, id, topic, from.UnixNano()))
}

var (
	dataPrefix  = []byte(`{"data":{"topic":"`)
	ctrlPrefix  = []byte(`{"ctrl":`)
	seqMarker   = []byte(`"seq":`)
	stampMarker = []byte(`"content":"@`)
)

// read handles one message of the server: what a load test does most must cost little.
func (c *client) read(payload []byte) error {
	if rest, ok := bytes.CutPrefix(payload, dataPrefix); ok {
		return c.arrived(rest)
	}
	if !bytes.HasPrefix(payload, ctrlPrefix) {
		return nil // presence and the like
	}
	var message struct {
		Ctrl ctrl `json:"ctrl"`
	}
	if err := json.Unmarshal(payload, &message); err != nil {
		return err
	}
	c.mu.Lock()
	answered := c.answers[message.Ctrl.ID]
	delete(c.answers, message.Ctrl.ID)
	c.mu.Unlock()
	if answered != nil {
		answered <- message.Ctrl
	}
	return nil
}

// arrived takes a message of a topic, whose name comes first.
func (c *client) arrived(rest []byte) error {
	end := bytes.IndexByte(rest, '"')
	seq, ok := number(rest, seqMarker)
	stamp, stamped := number(rest, stampMarker)
	if end < 0 || !ok || !stamped {
		return fmt.Errorf("not understood: %q", rest)
	}
	if last := c.last[string(rest[:end])]; last != 0 && seq != last+1 {
		c.faults++
	}
	c.last[string(rest[:end])] = seq
	c.latency = append(c.latency, time.Duration(time.Now().UnixNano()-stamp))
	c.got.Add(1)
	return nil
}

// number reads the digits after a marker.
func number(b, marker []byte) (n int64, ok bool) {
	at := bytes.Index(b, marker)
	if at < 0 {
		return 0, false
	}
	for _, d := range b[at+len(marker):] {
		if d < '0' || d > '9' {
			break
		}
		n, ok = n*10+int64(d-'0'), true
	}
	return n, ok
}
