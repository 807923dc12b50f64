-- +goose Up
CREATE TABLE reactions (
    channel_id integer NOT NULL,
    message_id integer NOT NULL,
    emoji      text   NOT NULL, -- one emoji, in the one form in which it is kept
    user_id    integer NOT NULL,
    created_at integer NOT NULL, -- later than that of every reaction before to the same message, so that their order is certain
    PRIMARY KEY (message_id, emoji, user_id)
) WITHOUT ROWID;
CREATE INDEX reactions_channel ON reactions (channel_id);

CREATE TABLE pins (
    message_id integer PRIMARY KEY,
    channel_id integer NOT NULL,
    user_id    integer NOT NULL, -- who has pinned it
    created_at integer NOT NULL  -- later than that of every pin before in the channel
);
CREATE UNIQUE INDEX pins_channel ON pins (channel_id, created_at);

-- +goose Down
DROP TABLE pins;
DROP TABLE reactions;
