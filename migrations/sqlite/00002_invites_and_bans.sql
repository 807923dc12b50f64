-- +goose Up
CREATE TABLE group_invites (
    code       text   PRIMARY KEY,
    group_id   integer NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    creator_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at integer NOT NULL,
    expires_at integer,                    -- NULL: never
    max_uses   integer,                    -- NULL: any number
    uses       integer NOT NULL DEFAULT 0,
    revoked_at integer
);
CREATE INDEX group_invites_group ON group_invites (group_id);
CREATE INDEX group_invites_creator ON group_invites (creator_id);

-- Who may not join a group any more.
CREATE TABLE group_bans (
    group_id   integer NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    user_id    integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    banned_by  integer NOT NULL, -- a user, who may have been deleted since
    reason     text   NOT NULL DEFAULT '',
    created_at integer NOT NULL,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_bans_user ON group_bans (user_id);

-- +goose Down
DROP TABLE group_bans;
DROP TABLE group_invites;
