-- +goose Up

-- The chat of two people: low_id is the lower one of their ids. In a chat with oneself both are the same, and only the low side counts.
-- Chats stay when one of the two deletes the account, whose row in users stays, too.
CREATE TABLE direct_chats (
    id                 bigserial PRIMARY KEY,
    low_id             bigint NOT NULL REFERENCES users (id),
    high_id            bigint NOT NULL REFERENCES users (id),
    last_seq           bigint NOT NULL DEFAULT 0,
    last_message_id    bigint NOT NULL DEFAULT 0, -- in the order of which people's chats are listed
    low_read_seq       bigint NOT NULL DEFAULT 0,
    low_read_at        bigint NOT NULL DEFAULT 0,
    low_delivered_seq  bigint NOT NULL DEFAULT 0,
    low_delivered_at   bigint NOT NULL DEFAULT 0,
    low_unread         bigint NOT NULL DEFAULT 0, -- the other one's messages after low_read_seq
    high_read_seq      bigint NOT NULL DEFAULT 0,
    high_read_at       bigint NOT NULL DEFAULT 0,
    high_delivered_seq bigint NOT NULL DEFAULT 0,
    high_delivered_at  bigint NOT NULL DEFAULT 0,
    high_unread        bigint NOT NULL DEFAULT 0,
    created_at         bigint NOT NULL
);
CREATE UNIQUE INDEX direct_chats_pair ON direct_chats (low_id, high_id);
CREATE INDEX direct_chats_low ON direct_chats (low_id, last_message_id);
CREATE INDEX direct_chats_high ON direct_chats (high_id, last_message_id);

-- Without foreign keys, like messages.
CREATE TABLE direct_messages (
    id         bigserial PRIMARY KEY,
    chat_id    bigint NOT NULL,
    seq        bigint NOT NULL,
    sender_id  bigint NOT NULL,
    hash       text   NOT NULL,
    content    text   NOT NULL,
    created_at bigint NOT NULL
);
CREATE UNIQUE INDEX direct_messages_chat_seq ON direct_messages (chat_id, seq);
CREATE UNIQUE INDEX direct_messages_sender_hash ON direct_messages (sender_id, chat_id, hash);

-- Who does not want to hear from whom.
CREATE TABLE user_blocks (
    user_id    bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    blocked_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at bigint NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
);
CREATE INDEX user_blocks_blocked ON user_blocks (blocked_id);

-- +goose Down
DROP TABLE user_blocks;
DROP TABLE direct_messages;
DROP TABLE direct_chats;
