-- +goose Up
ALTER TABLE messages ADD COLUMN reply_to integer;    -- the message that it answers
ALTER TABLE messages ADD COLUMN thread_id integer;   -- the first message of its thread
ALTER TABLE messages ADD COLUMN edited_at integer;
ALTER TABLE messages ADD COLUMN deleted_at integer;  -- what is left keeps its place, without content
ALTER TABLE messages ADD COLUMN changed_seq integer; -- how far the channel was at the latest change of this message: an edit, a reaction, …
CREATE INDEX messages_thread ON messages (thread_id, seq) WHERE thread_id IS NOT NULL;
CREATE INDEX messages_changed ON messages (channel_id, changed_seq, id) WHERE changed_seq IS NOT NULL;

-- What messages said before they were edited.
CREATE TABLE message_edits (
    id         integer PRIMARY KEY AUTOINCREMENT,
    message_id integer NOT NULL,
    channel_id integer NOT NULL,
    content    text   NOT NULL, -- until the edit
    editor_id  integer NOT NULL,
    edited_at  integer NOT NULL
);
CREATE INDEX message_edits_message ON message_edits (message_id);
CREATE INDEX message_edits_channel ON message_edits (channel_id);

-- +goose Down
DROP TABLE message_edits;
DROP INDEX messages_changed;
DROP INDEX messages_thread;
ALTER TABLE messages DROP COLUMN changed_seq;
ALTER TABLE messages DROP COLUMN deleted_at;
ALTER TABLE messages DROP COLUMN edited_at;
ALTER TABLE messages DROP COLUMN thread_id;
ALTER TABLE messages DROP COLUMN reply_to;
