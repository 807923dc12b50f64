-- The largest table becomes its own index: half the bytes to write for each reader of a message.

-- +goose Up
CREATE TABLE recipients_in_key_order (
    message_id  integer NOT NULL,
    receiver_id integer NOT NULL,
    status      integer NOT NULL DEFAULT 0, -- 0 sent, 1 delivered, 2 read
    updated_at  integer NOT NULL,
    PRIMARY KEY (message_id, receiver_id)
) WITHOUT ROWID;
INSERT INTO recipients_in_key_order (message_id, receiver_id, status, updated_at)
SELECT message_id, receiver_id, status, updated_at FROM message_recipients
WHERE rowid IS NOT NULL -- a process that takes this step at the same time as another one must fail, and look again
ORDER BY message_id, receiver_id;
DROP TABLE message_recipients;
ALTER TABLE recipients_in_key_order RENAME TO message_recipients;

-- +goose Down
CREATE TABLE recipients_with_rowid (
    message_id  integer NOT NULL,
    receiver_id integer NOT NULL,
    status      integer NOT NULL DEFAULT 0, -- 0 sent, 1 delivered, 2 read
    updated_at  integer NOT NULL,
    PRIMARY KEY (message_id, receiver_id)
);
INSERT INTO recipients_with_rowid (message_id, receiver_id, status, updated_at)
SELECT message_id, receiver_id, status, updated_at FROM message_recipients ORDER BY message_id, receiver_id;
DROP TABLE message_recipients;
ALTER TABLE recipients_with_rowid RENAME TO message_recipients;
