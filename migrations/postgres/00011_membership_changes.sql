-- +goose Up
ALTER TABLE groups ADD COLUMN members_version bigint NOT NULL DEFAULT 0; -- numbers the changes of who is a member, and as what

-- Whose membership of a group has changed: the latest changes of each group.
CREATE TABLE member_changes (
    group_id bigint NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    version  bigint NOT NULL, -- groups.members_version afterwards
    user_id  bigint NOT NULL,
    PRIMARY KEY (group_id, version)
);

-- +goose Down
DROP TABLE member_changes;
ALTER TABLE groups DROP COLUMN members_version;
