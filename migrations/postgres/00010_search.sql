-- What is needed to find messages by their words. The words are filled in by a worker, after the messages have been kept: also those of
-- messages that are there already, so that this step takes no time.

-- +goose Up
CREATE TABLE search_documents (
    id         bigint   PRIMARY KEY, -- the later a message, the higher: milliseconds since the Unix epoch times 2^20, and what makes it unique
    message_id bigint   NOT NULL,
    direct     boolean  NOT NULL,    -- of direct_messages, else of messages
    words      tsvector NOT NULL     -- without places; SQLite has search_words instead
);
CREATE UNIQUE INDEX search_documents_message ON search_documents (message_id, direct);
CREATE INDEX search_documents_words ON search_documents USING gin (words) WITH (gin_pending_list_limit = 1024);

-- How far the messages of a channel, or of a personal chat, have got into the index: seq from oldest, exclusive, to newest. The worker
-- follows the channel upwards and makes up for what is older downwards. No row: nothing is in it.
CREATE TABLE search_positions (
    direct   boolean NOT NULL,
    place_id bigint  NOT NULL, -- of channels or direct_chats
    newest   bigint  NOT NULL,
    oldest   bigint  NOT NULL,
    PRIMARY KEY (direct, place_id)
);
INSERT INTO search_positions (direct, place_id, newest, oldest) SELECT false, id, last_seq, last_seq FROM channels WHERE last_seq > 0;
INSERT INTO search_positions (direct, place_id, newest, oldest) SELECT true, id, last_seq, last_seq FROM direct_chats WHERE last_seq > 0;

-- Messages that were edited or deleted, and are to be read again.
CREATE TABLE search_changes (
    id         bigserial PRIMARY KEY,
    message_id bigint NOT NULL
);
-- +goose StatementBegin
CREATE FUNCTION search_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO search_changes (message_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER search_note_change AFTER UPDATE OF content, deleted_at ON messages
FOR EACH ROW EXECUTE FUNCTION search_note_change();

-- +goose Down
DROP TRIGGER search_note_change ON messages;
DROP FUNCTION search_note_change;
DROP TABLE search_changes;
DROP TABLE search_positions;
DROP TABLE search_documents;
