-- +goose Up
ALTER TABLE users ADD COLUMN last_seen_at bigint; -- about when the user was last connected; NULL: never, or not since this column exists

-- +goose Down
ALTER TABLE users DROP COLUMN last_seen_at;
