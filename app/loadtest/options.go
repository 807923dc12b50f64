package loadtest

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Account is a user that exists already.
type Account struct{ Username, Password string }

// Options describe a run. Those that have a default take it when they are zero.
type Options struct {
	// URL is where the HTTP API is, "http://host:8080".
	URL string
	// SocketURLs are the socket servers, over which the clients are spread. Defaults to URL.
	SocketURLs []string
	// Users is how many members are connected. Defaults to 100.
	Users int
	// Members is the size of each group. Users take turns in being in the groups if it is smaller than Users; if it is
	// larger, the rest stays offline. Defaults to Users.
	Members int
	// Groups defaults to 1.
	Groups int
	// Channels is the number of channels of each group. Defaults to 5.
	Channels int

	// Senders is how many messages are on their way to being accepted at any time, in the closed loop. Defaults to 64.
	Senders int
	// Rate is how many messages a second are sent, in the open loop. 0 is the closed loop.
	Rate float64
	// ConnectOnly only connects, all at once, and stays for Duration.
	ConnectOnly bool
	// Duration is how long is measured. Defaults to 30 s.
	Duration time.Duration
	// Messages is how many messages are measured, in place of Duration.
	Messages int
	// Warmup is how long messages are sent before that.
	Warmup time.Duration
	// Receipts is how often all users tell at once what they have read. 0: never.
	Receipts time.Duration
	// ReceiptChannels is of how many channels they tell each time, and of the next ones the next time. 0: of all.
	ReceiptChannels int
	// Placebo has them emit events of the same size that no server knows in place of receipts: what a flood of events costs by itself.
	Placebo bool
	// Size of a message, in characters. Defaults to 50.
	Size int
	// Patience bounds the time in which everybody must be connected, a message accepted, and after the last one everything
	// delivered. Defaults to 30 s.
	Patience time.Duration

	// Prefix begins the names of users and groups. Those that are there are used again. Defaults to a random one.
	Prefix string
	// Password of all users. Defaults to a random one.
	Password string
	// Accounts are users to take in place of those that would be registered.
	Accounts []Account
	// Cleanup deletes groups and users in the end.
	Cleanup bool

	// Step is told how far a step of the preparation is. Steps come one after the other.
	Step func(done, total int, what string)
	// Tell is told what goes on, a line at a time.
	Tell func(line string)
}

// Bounds of options.
const (
	maxMessages = chunkSize * maxChunks
	maxSize     = 4000 // a server may allow less, and tells
	maxPrefix   = 24   // the server takes names of up to 32 characters, and a number is appended
	maxChannels = 1000
)

var prefixForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,23}$`)

// withDefaults fills in what is not set. The error says everything that cannot be, in the words of the command's flags.
func (o Options) withDefaults() (Options, error) {
	setDefault(&o.Users, 100)
	setDefault(&o.Members, o.Users)
	setDefault(&o.Groups, 1)
	setDefault(&o.Channels, 5)
	setDefault(&o.Senders, 64)
	setDefault(&o.Size, 50)
	setDefault(&o.Patience, 30*time.Second)
	if o.Messages == 0 {
		setDefault(&o.Duration, 30*time.Second)
	}
	if len(o.SocketURLs) == 0 {
		o.SocketURLs = []string{o.URL}
	}
	if o.Prefix == "" {
		o.Prefix = "load-" + random(4)
	}
	if o.Password == "" {
		o.Password = random(16)
	}
	if o.Step == nil {
		o.Step = func(int, int, string) {}
	}
	if o.Tell == nil {
		o.Tell = func(string) {}
	}
	var err error
	if o.URL, err = cleanURL("--url", o.URL); err != nil {
		return o, errors.Join(err, o.check())
	}
	urls := make([]string, len(o.SocketURLs))
	for i, u := range o.SocketURLs {
		if urls[i], err = cleanURL("--socket-url", u); err != nil {
			return o, errors.Join(err, o.check())
		}
	}
	o.SocketURLs = urls
	return o, o.check()
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Check says what is wrong with the options.
func (o Options) Check() error {
	_, err := o.withDefaults()
	return err
}

func (o Options) check() error {
	var errs []error
	refuse := func(when bool, format string, args ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(o.Users < 1, "--users must be at least 1")
	refuse(o.Groups < 1, "--groups must be at least 1")
	refuse(o.Channels < 1 || o.Channels > maxChannels, "--channels must be 1 to %d", maxChannels)
	refuse(o.Members*o.Groups < o.Users, "--members must be at least --users / --groups, so that everybody is in a group")
	refuse(o.Senders < 1, "--senders must be at least 1")
	refuse(o.Rate < 0, "--rate must not be negative")
	refuse(o.Duration < 0 || o.Warmup < 0, "--duration and --warmup must not be negative")
	refuse(o.Receipts < 0, "--receipts must not be negative")
	refuse(o.ReceiptChannels < 0, "--receipts-channels must not be negative")
	refuse(o.ReceiptChannels > 0 && o.Receipts == 0, "--receipts-channels says of how many channels receipts tell: give --receipts, too")
	refuse(o.Placebo && o.Receipts == 0, "--placebo takes the place of receipts: give --receipts, too")
	refuse(o.Messages < 0 || o.Messages >= maxMessages, "--messages must be 0 to %d", maxMessages-1)
	refuse(o.Messages > 0 && o.Duration > 0, "give --duration or --messages, not both")
	refuse(o.ConnectOnly && (o.Messages > 0 || o.Rate > 0), "--connect-only sends no messages: leave out --messages and --rate")
	refuse(o.Size < 1 || o.Size > maxSize, "--size must be 1 to %d", maxSize)
	refuse(o.Patience < 0, "--patience must not be negative")
	refuse(!prefixForm.MatchString(o.Prefix), "--prefix must have 1 to %d characters of a-z 0-9 _ . -, and begin with a letter or digit", maxPrefix)
	refuse(len(o.Password) < 8, "--password must have at least 8 characters")
	refuse(len(o.Accounts) > 0 && len(o.Accounts) < o.people(), "the users file has %d users, and %d are needed", len(o.Accounts), o.people())
	return errors.Join(errs...)
}

// people is how many users there are, connected or not.
func (o Options) people() int { return max(o.Users, o.Members) }

func cleanURL(flag, text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" {
		return "", fmt.Errorf("%s must be of the form http://host:port, not %q", flag, text)
	}
	return strings.TrimSuffix(text, "/"), nil
}

func (o Options) mode() string {
	switch {
	case o.ConnectOnly:
		return ModeConnect
	case o.Rate > 0:
		return ModeOpen
	default:
		return ModeClosed
	}
}

// settings are the options as the report has them.
func (o Options) settings() Settings {
	s := Settings{
		URL: o.URL, SocketURLs: o.SocketURLs, Prefix: o.Prefix, Mode: o.mode(),
		Users: o.Users, Members: o.Members, Groups: o.Groups, Channels: o.Channels,
		DurationMS: ms(o.Duration), Messages: o.Messages, PatienceMS: ms(o.Patience),
	}
	if !o.ConnectOnly {
		s.Rate, s.Size, s.WarmupMS, s.ReceiptsMS, s.Placebo = o.Rate, o.Size, ms(o.Warmup), ms(o.Receipts), o.Placebo
		if o.Rate == 0 {
			s.Senders = o.Senders
		}
	}
	return s
}

// random is a random text of 2n characters.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
