-- What a deployment had at version 1, in words that both dialects understand. Passwords are "parley-demo"; the refresh tokens are
-- the SHA-256 of "an-old-refresh-token" and "a-rotated-refresh-token".

INSERT INTO settings (name, value) VALUES ('message.partitions', '16');

-- One hash of the costs that are the default, one of others; 4 is disabled, 5 has deleted the account, 6 was never in a group, and 7
-- is gone without a trace.
INSERT INTO users (id, username, display_name, password_hash, disabled_at, membership_version, created_at) VALUES
    (1, 'ann', 'Ann Ångström', '$argon2id$v=19$m=19456,t=2,p=1$G920u5YaD+fQLPrJHGR1jw$n6G9U5b0DpjT08pPzX97Uwnw1p9VYXCAN9T00/Ohi6A', NULL, 3, 1760000000001),
    (2, 'ben', 'Ben', '$argon2id$v=19$m=64,t=1,p=1$K0G27nygvfY9KgIlkRhOrQ$sF2+ZU7FUoje3sVvnFH7yRqUmNInYAk0BBY3ipOr4Sk', NULL, 2, 1760000000002),
    (3, 'cat', 'Cat 🐈', '$argon2id$v=19$m=64,t=1,p=1$K0G27nygvfY9KgIlkRhOrQ$sF2+ZU7FUoje3sVvnFH7yRqUmNInYAk0BBY3ipOr4Sk', NULL, 1, 1760000000003),
    (4, 'dan', 'Dan', '$argon2id$v=19$m=64,t=1,p=1$K0G27nygvfY9KgIlkRhOrQ$sF2+ZU7FUoje3sVvnFH7yRqUmNInYAk0BBY3ipOr4Sk', 1760000500000, 1, 1760000000004),
    (5, '~deleted-5', 'Deleted user', '', 1760000600000, 2, 1760000000005),
    (6, 'eve', 'Eve', '$argon2id$v=19$m=64,t=1,p=1$K0G27nygvfY9KgIlkRhOrQ$sF2+ZU7FUoje3sVvnFH7yRqUmNInYAk0BBY3ipOr4Sk', NULL, 0, 1760000000006);
WITH RECURSIVE n(i) AS (SELECT 8 UNION ALL SELECT i + 1 FROM n WHERE i < 57)
INSERT INTO users (id, username, display_name, password_hash, membership_version, created_at)
SELECT i, 'reader-' || i, 'Reader ' || i, '$argon2id$v=19$m=64,t=1,p=1$K0G27nygvfY9KgIlkRhOrQ$sF2+ZU7FUoje3sVvnFH7yRqUmNInYAk0BBY3ipOr4Sk', 1, 1760000000000 + i FROM n;

INSERT INTO refresh_tokens (token_hash, family, user_id, expires_at, used_at, revoked_at, created_at) VALUES
    ('2239b5971456aede495d7e6dc76d99d3fcb4bfd0ad19c5ff2c8cf4bc418e6208', 'f1', 2, 4102444800000, 1760000300000, NULL, 1760000200000),
    ('a73e68e87d13c854bf716576e9ff3200cd032151715a29e3282ce195c17f0dea', 'f1', 2, 4102444800000, NULL, NULL, 1760000300000),
    ('0000000000000000000000000000000000000000000000000000000000000000', 'f2', 3, 4102444800000, NULL, 1760000400000, 1760000300000),
    ('1111111111111111111111111111111111111111111111111111111111111111', 'f3', 4, 1760000300001, NULL, NULL, 1760000300000);

INSERT INTO groups (id, name, description, version, created_at) VALUES
    (1, 'Friends', 'Where "everybody" is; it''s ☺', 4, 1760000001000),
    (3, 'Crowd', '', 1, 1760000003000);
INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES
    (1, 1, 'owner', 1760000001000), (1, 2, 'admin', 1760000001001), (1, 3, 'member', 1760000001002), (1, 4, 'member', 1760000001003),
    (3, 2, 'owner', 1760000003000), (3, 1, 'member', 1760000003001);
INSERT INTO group_members (group_id, user_id, role, joined_at) SELECT 3, id, 'member', 1760000003100 + id FROM users WHERE id > 7;

INSERT INTO channels (id, group_id, name, topic, private, last_seq, created_at) VALUES
    (1, 1, 'general', 'Anything', false, 200, 1760000001000),
    (2, 1, 'staff', '', true, 30, 1760000002000),
    (5, 1, 'quiet', 'Nobody has said anything', false, 0, 1760000002500),
    (6, 3, 'general', '', false, 40, 1760000003000);
INSERT INTO channel_members (channel_id, user_id, joined_at) VALUES (2, 1, 1760000002000), (2, 2, 1760000002001);

-- Numbers of messages have gaps: transactions that failed have used some up. User 5 wrote before leaving.
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
INSERT INTO messages (id, channel_id, seq, sender_id, hash, content, created_at)
SELECT 3 * i, 1, i, CASE i % 4 WHEN 0 THEN 1 WHEN 1 THEN 2 WHEN 2 THEN 3 ELSE 5 END, 'general_' || i,
    CASE i % 5
        WHEN 0 THEN 'Plain text, number ' || i
        WHEN 1 THEN '@ben and @channel: `@cat` '
        WHEN 2 THEN 'Line one
line "two" \n \ it''s <b>bold</b> & %s $1 ?'
        WHEN 3 THEN 'Ünïcödé – 日本語, 👩‍👩‍👧 ' || i
        ELSE 'https://example.org/?q=' || i END,
    1760000010000 + 1000 * i
FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)
INSERT INTO messages (id, channel_id, seq, sender_id, hash, content, created_at)
SELECT 1000 + i, 2, i, 1 + i % 2, 'staff-' || i, 'Secret number ' || i, 1760000300000 + 10 * i FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
INSERT INTO messages (id, channel_id, seq, sender_id, hash, content, created_at)
SELECT 1100 + i, 6, i, 8 + i % 5, 'crowd-' || i, 'To the crowd ' || i, 1760000400000 + 10 * i FROM n;

-- Read up to here by some, delivered further than read, or nothing yet.
INSERT INTO channel_cursors (channel_id, user_id, read_seq, delivered_seq) VALUES
    (1, 1, 200, 200), (1, 2, 150, 180), (1, 3, 0, 20), (2, 1, 30, 30), (2, 2, 29, 30), (6, 2, 40, 40), (6, 8, 10, 40);
INSERT INTO message_recipients (message_id, receiver_id, status, updated_at)
SELECT m.id, u.user_id,
    CASE WHEN m.seq <= coalesce(c.read_seq, 0) THEN 2 WHEN m.seq <= coalesce(c.delivered_seq, 0) THEN 1 ELSE 0 END, m.created_at + 5
FROM messages m JOIN group_members u ON u.group_id = 1
LEFT JOIN channel_cursors c ON c.channel_id = m.channel_id AND c.user_id = u.user_id
WHERE m.channel_id IN (1, 2) AND u.user_id <> m.sender_id AND (m.channel_id = 1 OR u.user_id < 3);
-- The crowd was above message.eager_recipients: rows are there only for those who have said something.
INSERT INTO message_recipients (message_id, receiver_id, status, updated_at)
SELECT id, 2, 2, 1760000500000 FROM messages WHERE channel_id = 6;
INSERT INTO message_recipients (message_id, receiver_id, status, updated_at)
SELECT id, 8, 1, 1760000500001 FROM messages WHERE channel_id = 6 AND sender_id <> 8 AND seq > 10;

-- Committed, and not published when the process ended.
INSERT INTO outbox (id, routing_key, type, body, created_at) VALUES
    (71, 'group:1', 'emit', '{"event":"GROUP_UPDATED","payload":{"group":{"id":1,"name":"Friends","description":"Where \"everybody\" is; it''s ☺","createdAt":"2025-10-09T08:53:21.000Z"}}}', 1760000700000),
    (72, 'channel:2', 'emit', '{"event":"CHANNEL_UPDATED","payload":{"channel":{"id":2,"groupId":1,"name":"staff","topic":"","private":true,"lastSeq":30,"createdAt":"2025-10-09T08:53:22.000Z"}}}', 1760000700001);

INSERT INTO socket_servers (id, created_at) VALUES ('gone-long-ago', 1760000600000);
