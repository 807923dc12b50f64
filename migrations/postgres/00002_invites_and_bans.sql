-- +goose Up
CREATE TABLE group_invites (
    code       text   PRIMARY KEY,
    group_id   bigint NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    creator_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at bigint NOT NULL,
    expires_at bigint,                    -- NULL: never
    max_uses   bigint,                    -- NULL: any number
    uses       bigint NOT NULL DEFAULT 0,
    revoked_at bigint
);
CREATE INDEX group_invites_group ON group_invites (group_id);
CREATE INDEX group_invites_creator ON group_invites (creator_id);

-- Who may not join a group any more.
CREATE TABLE group_bans (
    group_id   bigint NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    user_id    bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    banned_by  bigint NOT NULL, -- a user, who may have been deleted since
    reason     text   NOT NULL DEFAULT '',
    created_at bigint NOT NULL,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_bans_user ON group_bans (user_id);

-- +goose Down
DROP TABLE group_bans;
DROP TABLE group_invites;
