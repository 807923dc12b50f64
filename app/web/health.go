package web

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// checkTimeout bounds one readiness check.
const checkTimeout = 3 * time.Second

// health answers /healthz and /readyz.
type health struct {
	ready func(context.Context) map[string]error
	log   *slog.Logger

	mu   sync.Mutex
	last string // what was missing at the last check
}

// healthBody is the answer of both.
type healthBody struct {
	Status  string   `json:"status"`
	Missing []string `json:"missing,omitempty"` // components; why is in the log, as it may name hosts
}

func (h *health) alive(c echo.Context) error {
	return c.JSON(http.StatusOK, healthBody{Status: "ok"})
}

func (h *health) check(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	if h.ready == nil {
		return c.JSON(http.StatusOK, healthBody{Status: "ready"})
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), checkTimeout)
	defer cancel()
	missing := h.ready(ctx)
	h.changed(ctx, missing)
	if len(missing) == 0 {
		return c.JSON(http.StatusOK, healthBody{Status: "ready"})
	}
	return c.JSON(http.StatusServiceUnavailable, healthBody{
		Status: "not ready", Missing: slices.Sorted(maps.Keys(missing)),
	})
}

// changed logs once what is missing, and once that nothing is any more.
func (h *health) changed(ctx context.Context, missing map[string]error) {
	names := strings.Join(slices.Sorted(maps.Keys(missing)), ",")
	h.mu.Lock()
	same := names == h.last
	h.last = names
	h.mu.Unlock()
	if same {
		return
	}
	if names == "" {
		h.log.InfoContext(ctx, "ready")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		h.log.WarnContext(ctx, "not ready", "missing", name, "error", missing[name])
	}
}
