-- +goose Up

-- How far the channel was when the user came: what was said before is not theirs. No reader has moved a cursor yet, so they are still there.
ALTER TABLE channel_cursors ADD COLUMN since_seq bigint NOT NULL DEFAULT 0;
UPDATE channel_cursors SET since_seq = read_seq WHERE read_seq > 0;
-- When the user's devices told what moved the cursor last.
ALTER TABLE channel_cursors ADD COLUMN moved_at bigint NOT NULL DEFAULT 0;

-- Which of a channel's messages a user has got or read, while their message_recipients are still to be told.
CREATE TABLE receipt_ranges (
    id         bigserial PRIMARY KEY,
    channel_id bigint NOT NULL,
    user_id    bigint NOT NULL,
    status     smallint NOT NULL, -- as in message_recipients
    from_seq   bigint NOT NULL, -- not included
    to_seq     bigint NOT NULL,
    at         bigint NOT NULL
);
CREATE INDEX receipt_ranges_user ON receipt_ranges (channel_id, user_id);

-- To leave them out when what is unread is counted.
CREATE INDEX messages_deleted ON messages (channel_id, seq) WHERE deleted_at IS NOT NULL;

-- +goose Down
DROP INDEX messages_deleted;
DROP TABLE receipt_ranges;
ALTER TABLE channel_cursors DROP COLUMN moved_at;
ALTER TABLE channel_cursors DROP COLUMN since_seq;
