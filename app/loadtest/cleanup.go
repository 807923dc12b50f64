package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// cleanupTime is how long deleting may take: some time for everything, and some for each user.
func cleanupTime(users int) time.Duration {
	return 30*time.Second + time.Duration(users)*100*time.Millisecond
}

// cleanup deletes what the run, or an earlier one with the same prefix, has made. It goes on when the run was
// interrupted, and tells what stays behind.
func (r *run) cleanup(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime(len(r.people)))
	defer cancel()
	var errs []error
	for _, g := range r.groups {
		err := g.owner.do(ctx, http.MethodDelete, fmt.Sprintf("/groups/%d", g.id), nil, nil)
		if err != nil && !refused(err, "group_not_found") {
			errs = append(errs, err)
		}
	}
	var ours []*member
	for _, m := range r.people {
		if m != nil && m.isOurs && m.tokens.Load() != nil {
			ours = append(ours, m)
		}
	}
	var unable atomic.Bool
	err := r.inParallel(ctx, hashing, "users deleted", len(ours), func(ctx context.Context, i int) error {
		if unable.Load() {
			return nil
		}
		err := ours[i].do(ctx, http.MethodDelete, "/me", map[string]string{"password": ours[i].password}, nil)
		if isMissing(err) {
			unable.Store(true)
			return nil
		}
		return err
	})
	if unable.Load() {
		r.options.Tell(fmt.Sprintf("This server cannot delete users: the %d with names from %s on stay behind.", len(ours), ours[0].name))
	}
	if err := errors.Join(append(errs, err)...); err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	return nil
}

// isMissing reports whether the server does not know the endpoint.
func isMissing(err error) bool {
	r := (*refusal)(nil)
	return errors.As(err, &r) && (r.status == http.StatusNotFound || r.status == http.StatusMethodNotAllowed)
}
