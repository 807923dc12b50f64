package loadtest

import "time"

// ReportVersion is the version of the report's form. It is raised when a field is taken away or changes its meaning, not
// when one is added.
const ReportVersion = 1

// Report is what a run has come to. As JSON it is one document, whose names say their units: *_ms are milliseconds,
// *_per_second are means over the measuring window.
type Report struct {
	Version    int       `json:"report_version"` // ReportVersion
	StartedAt  time.Time `json:"started_at"`     // UTC
	FinishedAt time.Time `json:"finished_at"`
	Settings   Settings  `json:"settings"`
	Setup      Setup     `json:"setup"`
	Connect    Connect   `json:"connect"`
	Load       *Load     `json:"load,omitempty"` // absent if nothing was to be sent
	Faults     Faults    `json:"faults"`
	Sending    Sending   `json:"sending"`
	Receipts   *Receipts `json:"receipts,omitempty"` // absent if nobody told any
	Client     Client    `json:"client"`
	Verdict    Verdict   `json:"verdict"`
}

// Modes of a run.
const (
	ModeClosed  = "closed_loop"
	ModeOpen    = "open_loop"
	ModeConnect = "connect_only"
)

// Settings are what was asked for.
type Settings struct {
	URL        string   `json:"url"`
	SocketURLs []string `json:"socket_urls"`
	Prefix     string   `json:"prefix"`
	Mode       string   `json:"mode"` // closed_loop, open_loop or connect_only
	Users      int      `json:"users"`
	Members    int      `json:"members"`
	Groups     int      `json:"groups"`
	Channels   int      `json:"channels"`
	Senders    int      `json:"senders"`         // 0 in the open loop
	Rate       float64  `json:"rate_per_second"` // 0 in the closed loop
	DurationMS float64  `json:"duration_ms"`     // 0 if the number of messages was given
	Messages   int      `json:"messages"`        // 0 if the duration was given
	WarmupMS   float64  `json:"warmup_ms"`
	ReceiptsMS float64  `json:"receipts_ms"` // how often everybody told what it has read; 0: never
	Placebo    bool     `json:"placebo"`     // these were not receipts, but events that the server does not know
	PatienceMS float64  `json:"patience_ms"`
	Size       int      `json:"size"` // characters
}

// Setup says what the run has found and made before anything was measured.
type Setup struct {
	UsersRegistered int     `json:"users_registered"`
	UsersReused     int     `json:"users_reused"`
	GroupsCreated   int     `json:"groups_created"`
	GroupsReused    int     `json:"groups_reused"`
	MembersAdded    int     `json:"members_added"`
	TookMS          float64 `json:"took_ms"`
}

// Connect says how the connections came about and how they kept. All users connect at once.
type Connect struct {
	Wanted        int     `json:"wanted"`
	Subscribed    int     `json:"subscribed"`      // of those that were wanted
	FailedDials   int     `json:"failed_attempts"` // tried again until patience ran out
	StormMS       float64 `json:"storm_ms"`        // the first dial to the last SUBSCRIBED
	ConnectMS     Latency `json:"connect_ms"`      // dial to the server's answer to CONNECT
	SubscribedMS  Latency `json:"subscribed_ms"`   // dial to SUBSCRIBED
	Disconnects   int     `json:"disconnects"`     // ends of connections that the run did not cause, after DRAIN ones included
	Drains        int     `json:"drains"`          // DRAIN events
	Resyncs       int     `json:"resyncs"`         // RESYNC events
	Reconnects    int     `json:"reconnects"`      // SUBSCRIBED again after a disconnect
	ReconnectMS   Latency `json:"reconnect_ms"`    // the disconnect to SUBSCRIBED again; announced delays and backoff included
	Unreconnected int     `json:"not_reconnected"` // without a connection at the end
	TokensRenewed int     `json:"tokens_renewed"`
}

// Load is what was measured. Messages of the warm-up count nowhere in here, but they do in Faults.
type Load struct {
	WindowMS  float64 `json:"window_ms"` // the first send to the last delivery
	SendingMS float64 `json:"sending_ms"`
	Sent      int     `json:"sent"`      // messages; a repeated send is not one more
	Accepted  int     `json:"accepted"`  // answered with 202
	Delivered int     `json:"delivered"` // arrived at every connected member of their channel
	// Deliveries are arrivals of a message at a connection, to the sender's own included.
	Deliveries int `json:"deliveries"`
	CaughtUp   int `json:"caught_up"` // instead of a delivery, read from the history after a reconnect or RESYNC

	AcceptedPerSecond   float64 `json:"accepted_per_second"` // over the time of sending
	DeliveredPerSecond  float64 `json:"delivered_per_second"`
	DeliveriesPerSecond float64 `json:"deliveries_per_second"`

	// AcceptMS is from sending (in the open loop: the planned time of it) to 202, retries included.
	AcceptMS Latency `json:"accept_ms"`
	// DeliveryMS is from sending (in the open loop: the planned time of it) to each arrival at a connection.
	DeliveryMS Latency `json:"delivery_ms"`
}

// Latency is a distribution, exact to 1.6 %.
type Latency struct {
	Count  int64    `json:"count"`
	MinMS  float64  `json:"min_ms"`
	MeanMS float64  `json:"mean_ms"`
	P50MS  float64  `json:"p50_ms"`
	P90MS  float64  `json:"p90_ms"`
	P99MS  float64  `json:"p99_ms"`
	P999MS float64  `json:"p99_9_ms"`
	MaxMS  float64  `json:"max_ms"`
	Counts []Bucket `json:"histogram"` // ascending, without empty ones
}

// Bucket is a bar of a histogram: how many values were at most so large, and larger than the bucket before.
type Bucket struct {
	AtMostMS float64 `json:"at_most_ms"`
	Count    int64   `json:"count"`
}

// Faults counts what must never happen. Any of them fails the run.
type Faults struct {
	// LostMessages were accepted and are not in the history.
	LostMessages int `json:"lost_messages"`
	// LostDeliveries are in the history, and did not arrive at a connected member: neither live nor, where the member had
	// reason to catch up (after a reconnect, and after RESYNC), by that.
	LostDeliveries int `json:"lost_deliveries"`
	// Gaps are jumps of seq at a connection that was subscribed all the time and was not told RESYNC.
	Gaps int `json:"gaps"`
	// Duplicates are numbers that arrived twice at one connection.
	Duplicates int `json:"duplicates"`
	// Reordered are numbers that arrived at a connection after a higher one.
	Reordered int `json:"reordered"`
	// StoredTwice are messages that are in the history more than once.
	StoredTwice int `json:"stored_twice"`
	// HistoryGaps are numbers without a message in the history.
	HistoryGaps int `json:"history_gaps"`
	// Differing are sequences, of one connection in one channel, with other messages than the history has.
	Differing int `json:"differing_sequences"`
	// Unconfirmed were accepted, and their sender did not get GROUP_MESSAGE_SENT.
	Unconfirmed int `json:"unconfirmed"`
	// Failed were accepted and then given up with GROUP_MESSAGE_FAILED.
	Failed int `json:"failed"`
	// Misaddressed are GROUP_MESSAGE_RECEIVE to the sender, GROUP_MESSAGE_SENT to anybody else, and messages of channels
	// that the user is not in.
	Misaddressed int `json:"misaddressed"`
	// Unreadable are events that are not what docs/api.md says.
	Unreadable int `json:"unreadable"`
}

// Total adds the faults up.
func (f Faults) Total() int {
	return f.LostMessages + f.LostDeliveries + f.Gaps + f.Duplicates + f.Reordered +
		f.StoredTwice + f.HistoryGaps + f.Differing + f.Unconfirmed + f.Failed + f.Misaddressed + f.Unreadable
}

// Sending counts how sending went, the warm-up included. None of it is a loss: a message that was not accepted is not promised.
type Sending struct {
	Sent        int            `json:"sent"`
	Accepted    int            `json:"accepted"`
	GivenUp     int            `json:"given_up"`      // never accepted, though tried until patience ran out
	Retries     int            `json:"retries"`       // sent again, with the same hash
	Refused     int            `json:"refused_503"`   // answers: not accepted, for now
	RateLimited int            `json:"limited_429"`   // answers: too fast
	Errors      map[string]int `json:"errors"`        // other failures, by status and code, or by cause
	InFlightMax int            `json:"in_flight_max"` // requests at once
	// ConfirmedAgain counts GROUP_MESSAGE_SENT that came once more: after a message was sent again, or a process died.
	ConfirmedAgain int `json:"confirmed_again"`
}

// Receipts counts what members told of what they had read, or the placebo's events; the warm-up included, except in DeliveryMS.
type Receipts struct {
	Told         int `json:"told"`
	Acknowledged int `json:"acknowledged"`
	Refused      int `json:"refused"` // acknowledged with an error
	// DeliveryMS is Load's, of the messages that were sent within half a second of everybody's beginning to tell.
	DeliveryMS Latency `json:"delivery_ms"`
}

// Client says what the load generator itself has used, which shares the machine with the server if they run on one.
type Client struct {
	CPUMS            float64 `json:"cpu_ms"` // user and system time from the first send to the last delivery; 0 if unknown
	CPUPerDeliveryUS float64 `json:"cpu_per_delivery_us"`
	GoMemoryBytes    uint64  `json:"go_memory_bytes"`
}

// Verdict is the result in short.
type Verdict struct {
	OK       bool     `json:"ok"`
	Problems []string `json:"problems"` // in words; empty if OK
}
