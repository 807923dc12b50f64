package group

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"parley/app/store"
)

// Relay publishes what is in the outbox.
type Relay interface {
	// Flush returns when everything committed before the call has been published.
	Flush(ctx context.Context) error
}

// Fence waits for the socket servers.
type Fence interface {
	// Wait returns when every socket server has applied what was published before, and written out to the
	// user's connections (0: to all) what it had sent them until then.
	Wait(ctx context.Context, userID int64) error
}

// settleTime bounds each of the two waits for others after a change.
const settleTime = 5 * time.Second

// Service is the groups of a server. Its methods take the acting user first and do what that user may do.
type Service struct {
	store *store.Store
	relay Relay
	fence Fence
	log   *slog.Logger

	readers *store.Loader[reader, standing] // for Access
}

// New returns a Service. It does no I/O.
func New(s *store.Store, relay Relay, fence Fence, log *slog.Logger) *Service {
	service := &Service{store: s, relay: relay, fence: fence, log: log}
	service.readers = store.NewLoader(service.standings)
	return service
}

// Access returns nil if the user may read the channel of the group, and send to it; else ErrGroupNotFound or
// ErrChannelNotFound. It asks the database, together with others who ask at the same time: whoever has been removed
// before the call is refused.
func (s *Service) Access(ctx context.Context, userID, groupID, channelID int64) error {
	is, err := s.readers.Load(ctx, reader{userID, groupID, channelID})
	switch {
	case err != nil:
		return err
	case is.role == "":
		return ErrGroupNotFound
	case !is.open:
		return ErrChannelNotFound
	}
	if err := allow(is.role, Read); err != nil {
		return err
	}
	return allow(is.role, Send)
}

// RoleIn is the user's role in the group, or ErrGroupNotFound.
func (s *Service) RoleIn(ctx context.Context, userID, groupID int64) (Role, error) {
	may, err := s.read(ctx).access(userID, groupID, 0)
	return may.Role, err
}

// settle waits, for a while, until a committed change has reached the clients, and those whom it silences have
// fallen silent. The change stands whatever comes of it: the outbox keeps its events until they are published.
func (s *Service) settle(ctx context.Context, t *tx) {
	if len(t.events) == 0 {
		return
	}
	if err := s.within(ctx, s.relay.Flush); err != nil {
		s.log.WarnContext(ctx, "a change is committed but not published yet; the outbox will go on trying", slog.Any("error", err))
		return // what was not published cannot have been handled
	}
	for _, user := range t.silenced {
		if err := s.within(ctx, func(ctx context.Context) error { return s.fence.Wait(ctx, user) }); err != nil {
			s.log.WarnContext(ctx, "not every socket server has confirmed a removal", slog.Int64("user", user), slog.Any("error", err))
		}
	}
}

// within bounds a wait. That the caller has gone away does not end it: others wait for the same change.
func (s *Service) within(ctx context.Context, wait func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	return wait(ctx)
}

// nameTaken tells a channel's name that another one has from every other error.
func nameTaken(err error) error {
	var conflict *store.ConflictError
	if errors.As(err, &conflict) && conflict.On("channels", "group_id", "name") {
		return ErrChannelNameTaken.WithCause(err)
	}
	return err
}
