package loadtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// requestTimeout is longer than a server takes to decide about a message.
	requestTimeout = 20 * time.Second
	// maxPause is the longest time between two tries of a request, whatever the server asks for.
	maxPause = 5 * time.Second
	// maxAnswer is the most that is read of an answer, in bytes; 200 messages of the largest size fit.
	maxAnswer = 16 << 20
)

// api makes requests to the HTTP API.
type api struct {
	base   string
	client *http.Client
}

// newAPI returns an api that keeps up to idle connections open.
func newAPI(base string, idle int) *api {
	dialer := &net.Dialer{Timeout: requestTimeout}
	return &api{base + "/api/v1", &http.Client{Transport: &http.Transport{
		DialContext:         dialer.DialContext,
		MaxIdleConns:        idle,
		MaxIdleConnsPerHost: idle,
		DisableCompression:  true, // the answers are short
		ReadBufferSize:      2 << 10,
		WriteBufferSize:     2 << 10,
	}}}
}

func (a *api) close() { a.client.CloseIdleConnections() }

// refusal is an answer other than the one that was wanted.
type refusal struct {
	status int
	code   string // of the problem; empty if the body is none
	detail string
	wait   time.Duration // Retry-After
}

func (r *refusal) Error() string {
	text := "status " + strconv.Itoa(r.status)
	if r.code != "" {
		text += " " + r.code
	}
	if r.detail != "" {
		text += ": " + r.detail
	}
	return text
}

// kind is the refusal in a word or two, for counting.
func (r *refusal) kind() string {
	if r.code == "" {
		return strconv.Itoa(r.status)
	}
	return strconv.Itoa(r.status) + " " + r.code
}

// refused reports whether err is a refusal with the given code.
func refused(err error, codes ...string) bool {
	r := (*refusal)(nil)
	if !errors.As(err, &r) {
		return false
	}
	for _, code := range codes {
		if r.code == code {
			return true
		}
	}
	return false
}

// passing reports whether the same request may well succeed a little later, and how long the server wants to be left alone.
func passing(err error) (wait time.Duration, ok bool) {
	r := (*refusal)(nil)
	if !errors.As(err, &r) {
		return 0, true // the network's fault
	}
	return r.wait, r.status == http.StatusTooManyRequests || r.status >= 500
}

// once makes one request. An answer that is not 2xx is a *refusal. A nil into leaves the body unread.
func (a *api) once(ctx context.Context, method, path string, header http.Header, body []byte, into any) (err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if header != nil {
		req.Header = header
	}
	answer, err := a.client.Do(req)
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		return failed.Err // the caller knows the rest
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return newRefusal(answer)
	}
	if into == nil {
		_, err = io.Copy(io.Discard, answer.Body) // else the connection is not used again
		return err
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s %s is not answered as Parley does: %w", method, path, err)
	}
	return nil
}

func newRefusal(answer *http.Response) *refusal {
	r := &refusal{status: answer.StatusCode}
	var problem struct{ Code, Title, Detail string }
	data, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10)) // as much of it as came says enough
	if json.Unmarshal(data, &problem) == nil {
		r.code, r.detail = problem.Code, problem.Detail
		if r.detail == "" {
			r.detail = problem.Title
		}
	}
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil {
		r.wait = time.Duration(seconds) * time.Second
	}
	return r
}

// do makes a request until it succeeds or fails for good, for as long as patience.
func (a *api) do(ctx context.Context, patience time.Duration, method, path string, header http.Header, body, into any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return err
		}
	}
	var last error
	for pause := newBackoff(patience); ; {
		err := a.once(ctx, method, path, header, data, into)
		if err == nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		last = err
		wait, ok := passing(err)
		if !ok || !pause.wait(ctx, wait) {
			return fmt.Errorf("%s %s: %w", method, path, last)
		}
	}
}

// backoff spreads out the tries of one thing.
type backoff struct {
	next time.Duration
	end  time.Time
}

func newBackoff(patience time.Duration) *backoff {
	return &backoff{50 * time.Millisecond, time.Now().Add(patience)}
}

// wait waits before the next try, as long as the server asked for if it did. It returns false if there is to be none.
func (b *backoff) wait(ctx context.Context, asked time.Duration) bool {
	d := b.next
	b.next = min(b.next*2, maxPause)
	if asked > 0 {
		d = asked
	}
	d = jitter(min(d, maxPause))
	if time.Now().Add(d).After(b.end) {
		return false
	}
	return sleep(ctx, d)
}

// jitter makes a duration longer by up to a half, so that those who wait do not come back all at once.
func jitter(d time.Duration) time.Duration { return d + rand.N(d/2+1) }

// sleep waits, and returns false if ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
