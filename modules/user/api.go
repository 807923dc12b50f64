package user

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"parley/app/registry"
	"parley/app/web"
)

const (
	// A name may be tried with guessBurst wrong passwords from one address, and then with another one every guessPause.
	guessBurst = 10
	guessPause = 6 * time.Second
	// sweepInterval is how often expired refresh tokens are deleted.
	sweepInterval = time.Hour
)

// Router is where the API attaches its routes.
type Router interface {
	// API takes routes that need a signed-in user.
	API() *echo.Group
	// Public takes routes that anybody may call.
	Public() *echo.Group
}

// API is the component "user.api": the HTTP endpoints of accounts.
type API struct {
	service *Service
	router  Router
	guesses *web.Limiter
	host    registry.Host
	log     *slog.Logger
	started bool
}

// NewAPI returns the component.
func NewAPI(s *Service, r Router) *API {
	return &API{service: s, router: r, guesses: web.NewLimiter(1/guessPause.Seconds(), guessBurst, s.options.Now)}
}

// Name implements registry.Module.
func (a *API) Name() string { return "user.api" }

// Roles implements registry.Module.
func (a *API) Roles() []registry.Role { return []registry.Role{registry.API} }

// Needs implements registry.Module.
func (a *API) Needs() []string { return []string{"store"} }

// Init attaches the routes.
func (a *API) Init(h registry.Host) error {
	a.host, a.log = h, h.Logger()
	public, private := a.router.Public(), a.router.API()
	public.POST("/auth/register", a.register)
	public.POST("/auth/login", a.login)
	public.POST("/auth/refresh", a.refresh)
	private.POST("/auth/logout", a.logout)
	private.GET("/me", a.me)
	private.PATCH("/me", a.rename)
	private.DELETE("/me", a.delete)
	private.PUT("/me/password", a.changePassword)
	private.GET("/me/sessions", a.sessions)
	private.DELETE("/me/sessions", a.endOtherSessions)
	private.DELETE("/me/sessions/:sessionId", a.endSession)
	private.GET("/users", a.users)
	return nil
}

// Start implements registry.Module.
func (a *API) Start(context.Context) error {
	if !a.started {
		a.started = true
		a.host.Go("sweep", a.sweep)
	}
	return nil
}

// Stop implements registry.Module. The sweep ends with its context.
func (a *API) Stop(context.Context) error {
	a.started = false
	return nil
}

// sweep deletes expired refresh tokens now and then.
func (a *API) sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if n, err := a.service.ForgetExpired(ctx); err != nil {
			a.log.WarnContext(ctx, "expired refresh tokens are not deleted yet", "error", err)
		} else if n > 0 {
			a.log.DebugContext(ctx, "expired refresh tokens deleted", "count", n)
		}
	}
}

func (a *API) register(c echo.Context) error {
	var body Registration
	if err := web.Bind(c, &body); err != nil {
		return err
	}
	session, err := a.service.Register(c.Request().Context(), body, c.Request().UserAgent())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, session)
}

func (a *API) login(c echo.Context) error {
	var body struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := web.Bind(c, &body); err != nil {
		return err
	}
	var check checks
	check.given("username", body.Username)
	check.given("password", body.Password)
	if err := check.err(); err != nil {
		return err
	}
	ctx := c.Request().Context()
	name, _ := foldUsername(body.Username) // names that nobody can have count together
	var account row
	if err := a.guess(c, name, func() (err error) {
		account, err = a.service.verify(ctx, body.Username, body.Password)
		return err
	}); err != nil {
		return err
	}
	session, err := a.service.signIn(ctx, account, c.Request().UserAgent())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, session)
}

// guess verifies a password for a username, unless there were too many wrong ones.
func (a *API) guess(c echo.Context, username string, verify func() error) error {
	who := web.ClientKey(c) + " " + username
	if err := a.mayGuess(who); err != nil {
		return err
	}
	err := verify()
	if errors.Is(err, ErrInvalidCredentials) {
		a.guesses.Allow(who)
	}
	if err != nil {
		return err
	}
	// Other guesses may have been under way at the same time: the right one among too many is not answered either.
	return a.mayGuess(who)
}

// mayGuess fails if there were too many wrong passwords.
func (a *API) mayGuess(who string) error {
	if !a.service.options.Limits {
		return nil
	}
	if wait := a.guesses.Wait(who); wait > 0 {
		return web.TooMany(wait)
	}
	return nil
}

func (a *API) refresh(c echo.Context) error {
	var body struct {
		RefreshToken string `json:"refreshToken"`
	}
	if err := web.Bind(c, &body); err != nil {
		return err
	}
	var check checks
	check.given("refreshToken", body.RefreshToken)
	if err := check.err(); err != nil {
		return err
	}
	session, err := a.service.Refresh(c.Request().Context(), body.RefreshToken, c.Request().UserAgent())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, session)
}

func (a *API) logout(c echo.Context) error {
	if err := a.service.Logout(c.Request().Context(), web.UserID(c), web.Family(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
