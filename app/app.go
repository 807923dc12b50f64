package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/app/auth"
	"parley/app/bus"
	"parley/app/bus/memory"
	"parley/app/bus/rabbit"
	"parley/app/config"
	"parley/app/event"
	"parley/app/outbox"
	"parley/app/partition"
	"parley/app/problem"
	"parley/app/promise"
	"parley/app/reference"
	"parley/app/registry"
	"parley/app/socket"
	"parley/app/store"
	"parley/app/telemetry"
	"parley/app/web"
	"parley/modules/about"
	"parley/modules/catchup"
	"parley/modules/direct"
	"parley/modules/group"
	"parley/modules/mention"
	"parley/modules/message"
	"parley/modules/pin"
	"parley/modules/presence"
	"parley/modules/reaction"
	"parley/modules/receipt"
	"parley/modules/routing"
	"parley/modules/search"
	"parley/modules/subscription"
	"parley/modules/typing"
	"parley/modules/user"
	client "parley/modules/web"
)

// server is a process's components, connected with each other. All are made,
// whatever the roles; which of them become active, the registry decides.
type server struct {
	cfg     config.Config
	log     *slog.Logger
	build   telemetry.Build
	metrics *prometheus.Registry
	node    *registry.Node
	id      string // of the process, on the bus

	store  *store.Store
	bus    bus.Bus
	tokens *auth.Tokens
	web    *web.Server
	relay  *outbox.Relay

	receipts *receipt.GatherMetrics // of the roles that clients tell
}

// wire makes the components of a process. It does no I/O.
func wire(cfg config.Config, secret []byte, build telemetry.Build, log *slog.Logger) (*server, error) {
	s := &server{cfg: cfg, log: log, build: build, metrics: telemetry.NewMetrics(build), id: routing.NewServerID()}
	if err := s.foundation(secret); err != nil {
		return nil, err
	}
	sockets, err := s.sockets()
	if err != nil {
		return nil, err
	}
	if err := s.pages(); err != nil {
		return nil, err
	}
	all := []registry.Module{
		web.NewAdmin(cfg.Admin.Addr, telemetry.MetricsHandler(s.metrics)),
		s.store,
		bus.Component{Bus: s.bus},
		s.relay,
		message.NewPartitions(s.store, cfg.Message.Partitions),
	}
	all = append(all, s.workers()...)
	all = append(all, s.apis()...)
	all = append(all, sockets...)
	all = append(all, s.web)
	if s.node, err = registry.New(log, cfg.Roles, all...); err != nil {
		return nil, fmt.Errorf("put the components in order: %w", err)
	}
	return s, nil
}

// foundation makes what several roles stand on.
func (s *server) foundation(secret []byte) (err error) {
	if s.store, err = newStore(s.cfg, s.log, store.NewMetrics(s.metrics)); err != nil {
		return err
	}
	if s.bus, err = newBus(s.cfg, bus.NewMetrics(s.metrics), s.log); err != nil {
		return err
	}
	if s.tokens, err = auth.NewTokens(secret, s.cfg.Auth.AccessTTL, time.Now); err != nil {
		return fmt.Errorf("auth.jwt_secret: %w", err)
	}
	s.relay = outbox.New(s.store, s.bus, outbox.NewMetrics(s.metrics))
	s.receipts = receipt.NewGatherMetrics(s.metrics)
	s.web = web.New(web.Options{
		Addr:           s.cfg.HTTP.Addr,
		AllowedOrigins: s.cfg.HTTP.AllowedOrigins,
		TrustedProxies: s.cfg.HTTP.TrustedProxies,
		Limits:         s.cfg.Limits.Enabled,
		Translate:      translate,
		Ready:          func(ctx context.Context) map[string]error { return s.node.Check(ctx) },
		Metrics:        web.NewMetrics(s.metrics),
		Log:            s.log,
	})
	return nil
}

// apis are the components of the role api.
func (s *server) apis() []registry.Module {
	users := user.New(s.store, s.tokens, newPasswords(s.cfg), user.Options{
		Registration: s.cfg.Auth.Registration == "open",
		Limits:       s.cfg.Limits.Enabled,
		Relay:        s.relay,
	})
	fence := subscription.NewFence(subscription.NewStore(s.store), s.bus, s.log)
	groups := group.New(s.store, s.relay, fence, s.log)
	limits := message.Limits{
		MaxLength: s.cfg.Message.MaxLength, Partitions: s.cfg.Message.Partitions, MaxBacklog: s.cfg.Message.MaxBacklog,
	}
	s.web.SetAuthenticator(users)
	changes := message.NewChanges(s.store, s.relay, s.cfg.Message.Partitions)
	reactions, pins := reaction.NewStore(s.store, changes), pin.NewStore(s.store, changes)
	threads, mentions := message.NewThreads(s.store), mention.NewStore(s.store)
	reader := message.NewReader(s.store, threads, mentions, reactions, pins)
	editor := message.NewEditor(changes, mentions, reactions, pins)
	return []registry.Module{
		about.NewAPI(s.web.Public(), s.about()),
		user.NewAPI(users, s.web),
		group.NewAPI(groups, s.web),
		message.NewAPI(s.web.API(), groups, reader, editor, threads, s.bus, s.promises(promise.Message), limits),
		reaction.NewAPI(s.web.API(), groups, reactions),
		mention.NewAPI(s.web.API(), mentions, reader),
		pin.NewAPI(s.web.API(), groups, pins, reader),
		receipt.NewAPI(s.web.API(), groups, receipt.NewStore(s.store, s.cfg.Message.EagerRecipients), s.bus, s.cfg.Message.Partitions, s.receipts, s.log),
		direct.NewAPI(s.web.API(), s.chats(nil), s.bus, s.promises(promise.PersonalMessage), direct.Options{
			Validate:   func(content, hash string) error { return message.Validate(content, hash, s.cfg.Message.MaxLength) },
			Anyone:     s.cfg.Direct.Anyone,
			Partitions: s.cfg.Message.Partitions,
		}),
		catchup.NewAPI(s.web.API(), catchup.New(catchup.NewStore(s.store), syncGroups{groups}, syncDirect{s.chats(nil)}, reader)),
		search.NewAPI(s.web.API(), search.NewStore(s.store), reader, s.cfg.Limits.Enabled, search.NewAPIMetrics(s.metrics)),
	}
}

// promises stand behind the 202 of one kind of message.
func (s *server) promises(k promise.Kind) *promise.Sender {
	return promise.New(s.bus, promise.NewMetrics(s.metrics, k), s.log)
}

// about is what anybody may know of the server.
func (s *server) about() *about.Service {
	return about.New(s.store, about.About{
		Version:          s.build.Version,
		Registration:     s.cfg.Auth.Registration,
		MessageMaxLength: s.cfg.Message.MaxLength,
		DirectAnyone:     s.cfg.Direct.Anyone,
	})
}

// pages mounts the web client and the documents of the API, where they find the API that they are about.
func (s *server) pages() error {
	handler, err := client.New()
	if err != nil {
		return fmt.Errorf("set up the web client: %w", err)
	}
	documents, err := reference.New()
	if err != nil {
		return fmt.Errorf("set up the API's documents: %w", err)
	}
	if s.cfg.Has(registry.API) {
		s.web.Mount("/", handler)
		s.web.Mount(reference.Prefix, documents)
	}
	return nil
}

// workers are the components of the role worker.
func (s *server) workers() []registry.Module {
	sharer := partition.New(s.bus, partition.Options{ID: s.id, Metrics: partition.NewMetrics(s.metrics), Log: s.log})
	metrics := message.NewWorkerMetrics(s.metrics)
	kept := s.messages(metrics)
	messages := message.NewWorker(message.NewCommitter(kept), s.bus, sharer, s.cfg.Message.Partitions, metrics, s.log)
	messages.Handle(event.TypeAnnounce, message.NewAnnouncer(kept))
	receipts := receipt.NewWorker(receipt.NewStore(s.store, s.cfg.Message.EagerRecipients), receipt.NewWorkerMetrics(s.metrics), s.log)
	personal := direct.NewWorkerMetrics(s.metrics)
	chats := s.chats(personal)
	messages.Handle(event.TypeDirectSend, direct.NewSends(chats))
	messages.Handle(event.TypeDirectReceipt, direct.NewReceipts(chats, personal))
	messages.Handle(event.TypeReceipts, receipts)
	return []registry.Module{
		sharer,
		messages,
		receipts,
		subscription.NewWorker(subscription.NewStore(s.store), s.bus, s.cfg.Message.Partitions, subscription.NewWorkerMetrics(s.metrics), s.log),
		presence.NewWorker(presence.NewStore(s.store), s.bus, presence.NewWorkerMetrics(s.metrics), s.log),
		search.NewWorker(search.NewStore(s.store), search.NewWorkerMetrics(s.metrics), s.log),
	}
}

func (s *server) messages(m *message.WorkerMetrics) *message.Store {
	return message.NewStore(s.store, s.cfg.Message.EagerRecipients, m)
}

// chats are people's personal chats.
func (s *server) chats(m *direct.WorkerMetrics) *direct.Store {
	return direct.NewStore(s.store, s.cfg.Direct.Anyone, m)
}

// sockets are the components of the role socket.
func (s *server) sockets() ([]registry.Module, error) {
	server, err := socket.New(socket.Options{
		AllowedOrigins: s.cfg.HTTP.AllowedOrigins,
		Metrics:        socket.NewMetrics(s.metrics),
		Log:            s.log,
	})
	if err != nil {
		return nil, fmt.Errorf("set up Socket.IO: %w", err)
	}
	router := routing.NewRouter(s.id, s.bus, server, s.cfg.Routing.UnbindDelay, routing.NewMetrics(s.metrics), s.log)
	hub := subscription.NewHub(s.id, server, s.tokens, s.bus, router.Bindings(), subscription.NewMetrics(s.metrics), s.log)
	router.Subscribe(hub)
	router.Handle(event.TypeSnapshot, hub.Snapshot)
	router.Handle(event.TypeFence, hub.Fence)
	people := presence.NewSocket(s.id, server, router, s.bus, router.Bindings(), presence.NewMetrics(s.metrics), s.log)
	hub.Observe(people)
	if s.cfg.Has(registry.Socket) {
		s.web.Mount("/socket.io/", server.Handler())
		// Polling requests would hold up the listener's end; so clients are told, and let go, as soon as it begins.
		s.web.OnDrain(func(ctx context.Context) {
			hub.Drain(ctx)
			if err := server.Drain(ctx); err != nil {
				s.log.Warn("not every client could be told that the server is going away", "error", err)
			}
		})
	}
	return []registry.Module{
		server, router, hub,
		typing.NewSocket(server, s.bus, s.log),
		people,
		receipt.NewSocket(server, s.bus, direct.NewReporter(s.bus, hub.Partitions), hub.Partitions, s.receipts, s.log),
	}, nil
}

// newBus makes the bus of a configuration.
func newBus(cfg config.Config, m *bus.Metrics, log *slog.Logger) (bus.Bus, error) {
	if cfg.Embedded() {
		return memory.New(memory.Options{Metrics: m, Log: log}), nil
	}
	b, err := rabbit.New(rabbit.Options{URL: cfg.Bus.URL, Prefix: cfg.Bus.Prefix, Metrics: m, Log: log})
	if err != nil {
		return nil, &config.Error{Problems: []config.Problem{{
			Key: "bus.url", Source: cfg.Source("bus.url"), Message: err.Error(),
		}}}
	}
	return b, nil
}

// newPasswords hashes with the configured cost, on as many processors as there are: more at once would only take memory.
func newPasswords(cfg config.Config) *auth.Passwords {
	return auth.NewPasswords(cfg.Auth.Argon2MemoryKiB, cfg.Auth.Argon2Time, runtime.NumCPU())
}

// translate makes a problem of an error of the database or the bus. What it does not know is a fault of ours.
func translate(err error) *problem.Problem {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, bus.ErrUnavailable) {
		return problem.Unavailable.WithCause(err)
	}
	return nil
}
