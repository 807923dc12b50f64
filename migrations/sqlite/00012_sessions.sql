-- +goose Up
ALTER TABLE refresh_tokens ADD COLUMN signed_in_at integer; -- when the family's first token was made; null: by a version that did not note it
ALTER TABLE refresh_tokens ADD COLUMN user_agent text NOT NULL DEFAULT ''; -- who asked for the token, as it calls itself

-- Tokens that are used up are forgotten after a while: now it is still known, or almost, when those who are signed in did so.
UPDATE refresh_tokens SET signed_in_at = (SELECT min(first.created_at) FROM refresh_tokens first WHERE first.family = refresh_tokens.family)
WHERE used_at IS NULL AND revoked_at IS NULL;

-- +goose Down
ALTER TABLE refresh_tokens DROP COLUMN user_agent;
ALTER TABLE refresh_tokens DROP COLUMN signed_in_at;
