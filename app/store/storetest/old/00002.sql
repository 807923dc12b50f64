-- What version 2 added.

INSERT INTO group_invites (code, group_id, creator_id, created_at, expires_at, max_uses, uses, revoked_at) VALUES
    ('an-open-invite', 1, 1, 1760000800000, NULL, NULL, 2, NULL),
    ('an-invite-for-three', 1, 2, 1760000800001, 4102444800000, 3, 1, NULL),
    ('a-used-up-invite', 3, 2, 1760000800002, NULL, 1, 1, NULL),
    ('an-expired-invite', 1, 1, 1760000800003, 1760000900000, NULL, 0, NULL),
    ('a-revoked-invite', 1, 1, 1760000800004, NULL, NULL, 5, 1760000900000);

INSERT INTO group_bans (group_id, user_id, banned_by, reason, created_at) VALUES
    (1, 8, 1, 'Too loud', 1760000850000),
    (3, 4, 7, '', 1760000850001); -- by somebody who is gone
