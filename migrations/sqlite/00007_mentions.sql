-- +goose Up
-- Whom messages call by name. Written by the worker that keeps the message, and anew when it is edited; gone when it is deleted.
CREATE TABLE mentions (
    channel_id integer NOT NULL,
    user_id    integer NOT NULL, -- 0: everyone who may read the channel; a message may have both kinds
    seq        integer NOT NULL,
    message_id integer NOT NULL,
    sender_id  integer NOT NULL, -- is not mentioned by 0
    created_at integer NOT NULL, -- of the message: who joined later is not mentioned by 0
    PRIMARY KEY (channel_id, user_id, seq)
) WITHOUT ROWID;
CREATE INDEX mentions_message ON mentions (message_id);
CREATE INDEX mentions_user ON mentions (user_id, message_id) WHERE user_id > 0;
CREATE INDEX mentions_everyone ON mentions (channel_id, message_id) WHERE user_id = 0;

-- Counts the replies in threads without looking at each.
CREATE INDEX messages_replies ON messages (thread_id) WHERE thread_id IS NOT NULL AND deleted_at IS NULL;

-- +goose Down
DROP INDEX messages_replies;
DROP TABLE mentions;
