-- What is needed to find messages by their words. The words are filled in by a worker, after the messages have been kept: also those of
-- messages that are there already, so that this step takes no time.

-- +goose Up
CREATE TABLE search_documents (
    id         integer PRIMARY KEY, -- the later a message, the higher: milliseconds since the Unix epoch times 2^20, and what makes it unique
    message_id integer NOT NULL,
    direct     integer NOT NULL     -- of direct_messages, else of messages
);
CREATE UNIQUE INDEX search_documents_message ON search_documents (message_id, direct);

-- The words, by the documents' ids, without their text and without places. They come in taken apart already, so that the simplest tokenizer
-- will do: words end at spaces.
CREATE VIRTUAL TABLE search_words USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = "ascii tokenchars '='"
);

-- How far the messages of a channel, or of a personal chat, have got into the index: seq from oldest, exclusive, to newest. The worker
-- follows the channel upwards and makes up for what is older downwards. No row: nothing is in it.
CREATE TABLE search_positions (
    direct   integer NOT NULL,
    place_id integer NOT NULL, -- of channels or direct_chats
    newest   integer NOT NULL,
    oldest   integer NOT NULL,
    PRIMARY KEY (direct, place_id)
);
INSERT INTO search_positions (direct, place_id, newest, oldest) SELECT false, id, last_seq, last_seq FROM channels WHERE last_seq > 0;
INSERT INTO search_positions (direct, place_id, newest, oldest) SELECT true, id, last_seq, last_seq FROM direct_chats WHERE last_seq > 0;

-- Messages that were edited or deleted, and are to be read again.
CREATE TABLE search_changes (
    id         integer PRIMARY KEY AUTOINCREMENT,
    message_id integer NOT NULL
);
-- +goose StatementBegin
CREATE TRIGGER search_note_change AFTER UPDATE OF content, deleted_at ON messages
BEGIN
    INSERT INTO search_changes (message_id) VALUES (NEW.id);
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER search_note_change;
DROP TABLE search_changes;
DROP TABLE search_positions;
DROP TABLE search_words;
DROP TABLE search_documents;
