-- The same data model as Parley's, as far as messages go.
CREATE TABLE users (
    id bigserial PRIMARY KEY,
    username text NOT NULL UNIQUE,
    password text NOT NULL
);

CREATE TABLE groups (
    id bigserial PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE group_members (
    group_id bigint NOT NULL REFERENCES groups,
    user_id bigint NOT NULL REFERENCES users,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_members_user ON group_members (user_id);

CREATE TABLE channels (
    id bigserial PRIMARY KEY,
    group_id bigint NOT NULL REFERENCES groups,
    name text NOT NULL,
    last_seq bigint NOT NULL DEFAULT 0
);

CREATE TABLE messages (
    id bigserial PRIMARY KEY,
    group_id bigint NOT NULL,
    channel_id bigint NOT NULL REFERENCES channels,
    seq bigint NOT NULL,
    sender_id bigint NOT NULL REFERENCES users,
    content text NOT NULL,
    hash text NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (channel_id, seq),
    UNIQUE (sender_id, channel_id, hash)
);

CREATE TABLE message_recipients (
    message_id bigint NOT NULL,
    receiver_id bigint NOT NULL,
    status smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (message_id, receiver_id)
);
