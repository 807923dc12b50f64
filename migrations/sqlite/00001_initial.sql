-- Times are milliseconds since the Unix epoch, in both dialects.

-- +goose Up
CREATE TABLE settings (
    name  text PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE users (
    id                 integer PRIMARY KEY AUTOINCREMENT,
    username           text   NOT NULL, -- kept in lower case
    display_name       text   NOT NULL,
    password_hash      text   NOT NULL,
    disabled_at        integer,
    membership_version integer NOT NULL DEFAULT 0, -- numbers the changes of what the user may hear
    created_at         integer NOT NULL
);
CREATE UNIQUE INDEX users_username ON users (username);

CREATE TABLE refresh_tokens (
    token_hash text   PRIMARY KEY, -- SHA-256, hexadecimal
    family     text   NOT NULL,    -- one sign-in; the tokens that follow each other in it
    user_id    integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at integer NOT NULL,
    used_at    integer,             -- rotated away; coming again means that it was stolen
    revoked_at integer,
    created_at integer NOT NULL
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

CREATE TABLE groups (
    id          integer PRIMARY KEY AUTOINCREMENT,
    name        text   NOT NULL,
    description text   NOT NULL DEFAULT '',
    version     integer NOT NULL DEFAULT 0, -- numbers the changes of what its members may hear
    created_at  integer NOT NULL
);

CREATE TABLE group_members (
    group_id  integer NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    user_id   integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role      text   NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    joined_at integer NOT NULL,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_members_user ON group_members (user_id);

CREATE TABLE channels (
    id         integer PRIMARY KEY AUTOINCREMENT,
    group_id   integer  NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    name       text    NOT NULL, -- kept in lower case
    topic      text    NOT NULL DEFAULT '',
    private    integer NOT NULL DEFAULT 0,
    last_seq   integer  NOT NULL DEFAULT 0,
    created_at integer  NOT NULL
);
CREATE UNIQUE INDEX channels_group_name ON channels (group_id, name);

-- Who may read a private channel; public ones have no rows here.
CREATE TABLE channel_members (
    channel_id integer NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    user_id    integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    joined_at  integer NOT NULL,
    PRIMARY KEY (channel_id, user_id)
);
CREATE INDEX channel_members_user ON channel_members (user_id);

-- How far a user has got in a channel; no row means that nothing is read yet.
CREATE TABLE channel_cursors (
    channel_id    integer NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    user_id       integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    read_seq      integer NOT NULL DEFAULT 0,
    delivered_seq integer NOT NULL DEFAULT 0,
    PRIMARY KEY (channel_id, user_id)
);
CREATE INDEX channel_cursors_user ON channel_cursors (user_id);

-- No foreign keys from here on: these tables grow without end, and the worker that fills them holds the channel's row locked.
CREATE TABLE messages (
    id         integer PRIMARY KEY AUTOINCREMENT,
    channel_id integer NOT NULL,
    seq        integer NOT NULL,
    sender_id  integer NOT NULL,
    hash       text   NOT NULL,
    content    text   NOT NULL,
    created_at integer NOT NULL
);
CREATE UNIQUE INDEX messages_channel_seq ON messages (channel_id, seq);
CREATE UNIQUE INDEX messages_sender_hash ON messages (sender_id, channel_id, hash);

-- The largest table: its key and nothing else.
CREATE TABLE message_recipients (
    message_id  integer   NOT NULL,
    receiver_id integer   NOT NULL,
    status      integer NOT NULL DEFAULT 0, -- 0 sent, 1 delivered, 2 read
    updated_at  integer   NOT NULL,
    PRIMARY KEY (message_id, receiver_id)
);

-- Events of committed changes that are still to be published.
CREATE TABLE outbox (
    id          integer PRIMARY KEY AUTOINCREMENT,
    routing_key text   NOT NULL,
    type        text   NOT NULL,
    body        text   NOT NULL,
    created_at  integer NOT NULL
);

-- Socket servers that have asked for a subscription. Who is connected to which of them is not kept anywhere.
CREATE TABLE socket_servers (
    id         text   PRIMARY KEY,
    created_at integer NOT NULL
);

-- +goose Down
DROP TABLE socket_servers;
DROP TABLE outbox;
DROP TABLE message_recipients;
DROP TABLE messages;
DROP TABLE channel_cursors;
DROP TABLE channel_members;
DROP TABLE channels;
DROP TABLE group_members;
DROP TABLE groups;
DROP TABLE refresh_tokens;
DROP TABLE users;
DROP TABLE settings;
