package seed

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"parley/app/store"
	"parley/app/store/storetest"
)

// hasher counts how often it is asked for a hash.
type hasher struct{ asked []string }

func (h *hasher) Hash(_ context.Context, password string) (string, error) {
	h.asked = append(h.asked, password)
	return "hash of " + password, nil
}

func insert(sql string) func(tx *gorm.DB) error {
	return func(tx *gorm.DB) error { return tx.Exec(sql).Error }
}

func silent(int, int, string) {}

func seed(t *testing.T, db *store.Store, o Options) Report {
	t.Helper()
	report, err := New(db, &hasher{}, 1000).Run(t.Context(), o, silent)
	require.NoError(t, err)
	return report
}

// one reads a single number.
func one(t *testing.T, db *store.Store, query string, args ...any) int {
	t.Helper()
	var n int
	require.NoError(t, db.Read(t.Context()).Raw(query, args...).Scan(&n).Error)
	return n
}

// contents reads every table that is seeded, whole.
func contents(t *testing.T, db *store.Store) map[string][]map[string]any {
	t.Helper()
	tables := make(map[string][]map[string]any)
	for table, order := range map[string]string{
		"users": "id", "groups": "id", "group_members": "group_id, user_id", "channels": "id", "channel_members": "channel_id, user_id",
		"channel_cursors": "channel_id, user_id", "messages": "id", "mentions": "channel_id, user_id, seq", "message_recipients": "message_id, receiver_id", "settings": "name",
		"reactions": "message_id, created_at", "pins": "channel_id, created_at",
	} {
		var rows []map[string]any
		require.NoError(t, db.Read(t.Context()).Raw("SELECT * FROM "+table+" ORDER BY "+order).Scan(&rows).Error)
		tables[table] = rows
	}
	return tables
}

const entitled = `
	FROM messages m JOIN channels c ON c.id = m.channel_id JOIN group_members g ON g.group_id = c.group_id
	LEFT JOIN channel_members p ON p.channel_id = c.id AND p.user_id = g.user_id
	WHERE (NOT c.private OR p.user_id IS NOT NULL) AND g.user_id <> m.sender_id`

// requireSound checks what is true of every Parley database.
func requireSound(t *testing.T, db *store.Store) {
	t.Helper()
	for what, query := range map[string]string{
		"channels whose seqs are not 1, 2, 3 … last_seq": `
			SELECT count(*) FROM (
				SELECT c.id FROM channels c LEFT JOIN messages m ON m.channel_id = c.id
				GROUP BY c.id, c.last_seq
				HAVING count(m.id) <> c.last_seq OR COALESCE(min(m.seq), 1) <> 1 OR COALESCE(max(m.seq), 0) <> c.last_seq) AS x`,
		"messages that are older than the one before": `
			SELECT count(*) FROM messages a JOIN messages b ON b.channel_id = a.channel_id AND b.seq = a.seq + 1
			WHERE b.created_at < a.created_at OR b.id < a.id`,
		"messages of people who may not write": `
			SELECT count(*) FROM messages m JOIN channels c ON c.id = m.channel_id WHERE NOT EXISTS (
				SELECT 1 FROM group_members g WHERE g.group_id = c.group_id AND g.user_id = m.sender_id
				AND (NOT c.private OR EXISTS (SELECT 1 FROM channel_members p WHERE p.channel_id = c.id AND p.user_id = m.sender_id)))`,
		"blank messages, or with a place that was not filled": `
			SELECT count(*) FROM messages WHERE trim(content) = '' OR content LIKE '%{%' OR content LIKE '%\n%' ESCAPE '!'`,
		"recipients who are not entitled": `
			SELECT (SELECT count(*) FROM message_recipients) - (SELECT count(*) FROM message_recipients r
			JOIN (SELECT m.id, g.user_id` + entitled + `) AS e ON e.id = r.message_id AND e.user_id = r.receiver_id)`,
		"recipients whose status is not what they have read": `
			SELECT count(*) FROM message_recipients r JOIN messages m ON m.id = r.message_id
			LEFT JOIN channel_cursors k ON k.channel_id = m.channel_id AND k.user_id = r.receiver_id
			WHERE r.status > CASE WHEN m.seq <= COALESCE(k.read_seq, 0) THEN 2 WHEN m.seq <= COALESCE(k.delivered_seq, 0) THEN 1 ELSE 0 END`,
		"cursors beyond the end, or read beyond delivered": `
			SELECT count(*) FROM channel_cursors k JOIN channels c ON c.id = k.channel_id
			WHERE k.delivered_seq > c.last_seq OR k.read_seq > k.delivered_seq OR k.read_seq < 0`,
		"replies whose thread is not that of what they answer": `
			SELECT count(*) FROM messages m LEFT JOIN messages a ON a.id = m.reply_to AND a.channel_id = m.channel_id AND a.seq < m.seq
			WHERE m.reply_to IS NOT NULL AND (a.id IS NULL OR m.thread_id <> COALESCE(a.thread_id, a.id))`,
		"threads without replies": `SELECT count(*) FROM messages WHERE reply_to IS NULL AND thread_id IS NOT NULL`,
		"mentions of those who are not entitled, or not named": `
			SELECT count(*) FROM mentions n LEFT JOIN messages m ON m.id = n.message_id LEFT JOIN users u ON u.id = n.user_id
			WHERE m.id IS NULL OR m.channel_id <> n.channel_id OR m.seq <> n.seq OR m.sender_id <> n.sender_id OR m.created_at <> n.created_at
				OR m.content NOT LIKE '%@' || CASE WHEN n.user_id = 0 THEN 'channel' ELSE u.username END || '%'
				OR n.user_id > 0 AND NOT EXISTS (SELECT 1` + entitled + ` AND m.id = n.message_id AND g.user_id = n.user_id)`,
		"messages that name somebody who is not mentioned": `
			SELECT count(*) FROM messages m WHERE content LIKE '%@%' AND NOT EXISTS (SELECT 1 FROM mentions n WHERE n.message_id = m.id)`,
		"groups without an owner": `
			SELECT count(*) FROM groups g WHERE NOT EXISTS (SELECT 1 FROM group_members m WHERE m.group_id = g.id AND m.role = 'owner')`,
		"groups without general": `
			SELECT count(*) FROM groups g WHERE NOT EXISTS (SELECT 1 FROM channels c WHERE c.group_id = g.id AND c.name = 'general' AND NOT c.private)`,
		"private channels without a member": `
			SELECT count(*) FROM channels c WHERE c.private AND NOT EXISTS (SELECT 1 FROM channel_members p WHERE p.channel_id = c.id)`,
		"members of private channels who are not in the group": `
			SELECT count(*) FROM channel_members p JOIN channels c ON c.id = p.channel_id
			LEFT JOIN group_members m ON m.group_id = c.group_id AND m.user_id = p.user_id WHERE m.user_id IS NULL OR NOT c.private`,
		"reactions and pins of people who may not read": `
			SELECT count(*) FROM (SELECT message_id, channel_id, user_id FROM reactions UNION ALL SELECT message_id, channel_id, user_id FROM pins) AS r
			WHERE NOT EXISTS (
				SELECT 1 FROM messages m JOIN channels c ON c.id = m.channel_id JOIN group_members g ON g.group_id = c.group_id
				WHERE m.id = r.message_id AND c.id = r.channel_id AND g.user_id = r.user_id
				AND (NOT c.private OR EXISTS (SELECT 1 FROM channel_members p WHERE p.channel_id = c.id AND p.user_id = g.user_id)))`,
		"reactions without an order": `
			SELECT count(*) FROM (SELECT 1 AS one FROM reactions GROUP BY message_id, created_at HAVING count(*) > 1) AS x`,
		"messages with too many different reactions": `
			SELECT count(*) FROM (SELECT 1 AS one FROM reactions GROUP BY message_id HAVING count(DISTINCT emoji) > 20) AS x`,
		"pins before their messages": `
			SELECT count(*) FROM pins p JOIN messages m ON m.id = p.message_id WHERE p.created_at < m.created_at`,
		"users whose version does not count what they got": `
			SELECT count(*) FROM users u WHERE u.membership_version <>
				(SELECT count(*) FROM group_members m WHERE m.user_id = u.id) + (SELECT count(*) FROM channel_members p WHERE p.user_id = u.id)`,
		"members who joined before there was a group or themselves": `
			SELECT count(*) FROM group_members m JOIN groups g ON g.id = m.group_id JOIN users u ON u.id = m.user_id
			WHERE m.joined_at < g.created_at OR m.joined_at < u.created_at`,
	} {
		require.Zero(t, one(t, db, query), what)
	}
}

func TestRunMakesWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		h := &hasher{}
		steps := make(map[string]int)
		report, err := New(db, h, 1000).Run(t.Context(), Options{Users: 20, Groups: 6, Channels: 20, Messages: 700}, func(done, total int, what string) {
			require.Greater(t, done, steps[what])
			require.LessOrEqual(t, done, total)
			steps[what] = done
		})
		require.NoError(t, err)
		requireSound(t, db)
		require.Equal(t, []string{Password}, h.asked, "one hash for all")
		require.Equal(t, 20, one(t, db, "SELECT count(*) FROM users WHERE password_hash = ?", "hash of "+Password))

		for table, n := range map[string]int{
			"users": report.Users, "groups": report.Groups, "group_members": report.Memberships, "channels": report.Channels,
			"messages": report.Messages, "message_recipients": report.Recipients,
		} {
			require.Equal(t, n, one(t, db, "SELECT count(*) FROM "+table), table)
		}
		require.Equal(t, []int{20, 6, 20, 700}, []int{report.Users, report.Groups, report.Channels, report.Messages})
		require.Equal(t, []int{20, 6, 700}, []int{steps["users"], steps["groups"], steps["messages"]})

		require.Equal(t, one(t, db, "SELECT count(*)"+entitled), report.Recipients, "a row for every reader but the sender")
		require.Zero(t, one(t, db, "SELECT count(*) FROM users u WHERE (SELECT count(*) FROM group_members m WHERE m.user_id = u.id) < 2"))
		for _, what := range []string{
			"channels WHERE private", "channel_cursors WHERE read_seq > 0", "channels WHERE topic <> ''",
			"message_recipients WHERE status = 2", "message_recipients WHERE status = 1", "message_recipients WHERE status = 0",
			"channel_cursors WHERE read_seq < delivered_seq", "group_members WHERE role = 'admin'", "reactions", "pins",
			"mentions WHERE user_id > 0", "mentions WHERE user_id = 0", "messages WHERE thread_id IS NOT NULL",
		} {
			require.Positive(t, one(t, db, "SELECT count(*) FROM "+what), what)
		}
		require.Greater(t, one(t, db, "SELECT count(DISTINCT content) FROM messages"), 100)
	})
}

func TestRunAgainChangesNothing(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		o := Options{Users: 15, Groups: 5, Channels: 15, Messages: 300}
		seed(t, db, o)
		before := contents(t, db)
		require.Zero(t, seed(t, db, o))
		require.Equal(t, before, contents(t, db))
		require.Zero(t, seed(t, db, Options{Users: 3, Groups: 1, Messages: 10}), "smaller numbers take nothing away")
		require.Equal(t, before, contents(t, db))
	})
}

func TestRunAddsOnlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		seed(t, db, Options{Users: 10, Groups: 3, Channels: 5, Messages: 100})
		users := contents(t, db)["messages"]
		report := seed(t, db, Options{Users: 20, Groups: 8, Channels: 24, Messages: 600})
		require.Equal(t, []int{10, 5, 19, 500}, []int{report.Users, report.Groups, report.Channels, report.Messages})
		requireSound(t, db)
		after := contents(t, db)["messages"]
		require.Len(t, after, 600)
		require.Equal(t, users, after[:100], "what was there is as it was")
		require.Zero(t, seed(t, db, Options{Users: 20, Groups: 8, Channels: 24, Messages: 600}))
	})
}

func TestRunIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	texts := func(t *testing.T, db *store.Store) (all []string) {
		t.Helper()
		seed(t, db, Options{Users: 12, Groups: 3, Channels: 6, Messages: 300})
		require.NoError(t, db.Read(t.Context()).Raw(`
			SELECT g.name || c.name || m.seq || u.username || m.content FROM messages m
			JOIN users u ON u.id = m.sender_id JOIN channels c ON c.id = m.channel_id JOIN groups g ON g.id = c.group_id
			ORDER BY c.id, m.seq`).Scan(&all).Error)
		return all
	}
	lite := texts(t, storetest.Open(t, storetest.SQLiteURL(t)))
	require.Len(t, lite, 300)
	require.Equal(t, lite, texts(t, storetest.Open(t, storetest.PostgresURL(t))))
}

func TestRunKeepsToTheEagerRule(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		const eager = 7
		report, err := New(db, &hasher{}, eager).Run(t.Context(), Options{Users: 20, Groups: 12, Channels: 30, Messages: 300}, silent)
		require.NoError(t, err)
		requireSound(t, db)
		small := one(t, db, "SELECT count(*)"+entitled+` AND ? >= (
			SELECT count(*) FROM group_members g2 LEFT JOIN channel_members p2 ON p2.channel_id = c.id AND p2.user_id = g2.user_id
			WHERE g2.group_id = c.group_id AND (NOT c.private OR p2.user_id IS NOT NULL))`, eager)
		require.Positive(t, small)
		require.Less(t, small, one(t, db, "SELECT count(*)"+entitled))
		require.Equal(t, small, report.Recipients)
	})
}

// TestRunLeavesRealPeopleAlone: whoever has a name that a made-up person would have stays out of it, and so do groups made by hand.
func TestRunLeavesRealPeopleAlone(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		taken := personAt(1).username
		require.NoError(t, db.Write(t.Context(), insert(`
			INSERT INTO users (username, display_name, password_hash, created_at) VALUES ('`+taken+`', 'Real', 'own', 1);
			INSERT INTO groups (name, created_at) VALUES ('Real', 1);
			INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES (1, 1, 'owner', 1);
			INSERT INTO channels (group_id, name, created_at) VALUES (1, 'general', 1);`)))
		report := seed(t, db, Options{Users: 8, Groups: 3, Channels: 6, Messages: 200})
		require.Equal(t, []int{8, 3, 200}, []int{report.Users, report.Groups, report.Messages})
		require.Equal(t, 1, one(t, db, "SELECT count(*) FROM group_members WHERE user_id = 1"))
		require.Equal(t, 1, one(t, db, "SELECT count(*) FROM group_members WHERE group_id = 1"))
		require.Zero(t, one(t, db, "SELECT last_seq FROM channels WHERE id = 1"))

		// Somebody real joins a made-up group: nothing is ever said in that name.
		require.NoError(t, db.Write(t.Context(), insert(`
			INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES (2, 1, 'member', 1)`)))
		seed(t, db, Options{Users: 8, Groups: 3, Channels: 6, Messages: 400})
		require.Zero(t, one(t, db, "SELECT count(*) FROM messages WHERE sender_id = 1"))
		require.Positive(t, one(t, db, "SELECT count(*) FROM message_recipients WHERE receiver_id = 1"))
	})
}

func TestRunMakesUpForDeletedGroups(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		o := Options{Users: 8, Groups: 3, Channels: 6, Messages: 200}
		seed(t, db, o)
		require.NoError(t, db.Write(t.Context(), insert(`
			DELETE FROM message_recipients; DELETE FROM messages WHERE channel_id IN (SELECT id FROM channels WHERE group_id = 2);
			DELETE FROM groups WHERE id = 2`)))
		report := seed(t, db, o)
		require.Equal(t, 1, report.Groups)
		require.Equal(t, 200, one(t, db, "SELECT count(*) FROM messages"))
		require.Zero(t, one(t, db, "SELECT count(*) FROM users u WHERE (SELECT count(*) FROM group_members m WHERE m.user_id = u.id) < 2"))
		require.Zero(t, seed(t, db, o))
	})
}

func TestRunsAtTheSameTime(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		o := Options{Users: 12, Groups: 5, Channels: 12, Messages: 200}
		errs := make(chan error, 3)
		for range cap(errs) {
			go func() {
				_, err := New(db, &hasher{}, 1000).Run(t.Context(), o, silent)
				errs <- err
			}()
		}
		for range cap(errs) {
			require.NoError(t, <-errs)
		}
		requireSound(t, db)
	})
}

func TestDemo(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		h := &hasher{}
		s := New(db, h, 1000)
		login, err := s.Demo(t.Context())
		require.NoError(t, err)
		require.Equal(t, Login{Usernames: []string{
			"ann", "ben", "carla", "dev", "elif", "finn", "gita", "hugo", "ines", "jonas",
		}, Password: Password}, login)
		requireSound(t, db)
		require.Equal(t, []int{10, 4, 11, 1, 207}, []int{
			one(t, db, "SELECT count(*) FROM users WHERE password_hash = ?", "hash of "+Password), one(t, db, "SELECT count(*) FROM groups"),
			one(t, db, "SELECT count(*) FROM channels"), one(t, db, "SELECT count(*) FROM channels WHERE private"),
			one(t, db, "SELECT count(*) FROM messages"),
		})
		require.Equal(t, one(t, db, "SELECT count(*)"+entitled), one(t, db, "SELECT count(*) FROM message_recipients"))
		require.Greater(t, one(t, db, "SELECT count(*) FROM reactions"), 60)
		require.Greater(t, one(t, db, "SELECT count(*) FROM pins"), 5)
		require.Equal(t, []int{29, 5, 1}, []int{
			one(t, db, "SELECT count(*) FROM messages WHERE thread_id IS NOT NULL"),
			one(t, db, "SELECT count(*) FROM mentions WHERE user_id > 0"), one(t, db, "SELECT count(*) FROM mentions WHERE user_id = 0"),
		})
		require.Equal(t, []int{5, 23}, []int{one(t, db, "SELECT count(*) FROM direct_chats"), one(t, db, "SELECT count(*) FROM direct_messages")})
		require.Equal(t, 5, one(t, db, `SELECT count(*) FROM direct_chats c JOIN direct_messages m ON m.id = c.last_message_id AND m.chat_id = c.id
			WHERE m.seq = c.last_seq AND m.seq = (SELECT count(*) FROM direct_messages x WHERE x.chat_id = c.id)`))
		require.Equal(t, []int{6, 4}, []int{
			one(t, db, `SELECT count(*) FROM channel_cursors k JOIN channels c ON c.id = k.channel_id WHERE k.read_seq < c.last_seq`),
			one(t, db, `SELECT count(*) FROM messages m JOIN channel_cursors k ON k.channel_id = m.channel_id
				WHERE k.user_id = 1 AND m.seq > k.read_seq`),
		}, "what somebody has not read yet")
		for side, reader := range map[string]string{"low": "c.low_id", "high": "c.high_id"} {
			require.Zero(t, one(t, db, `SELECT count(*) FROM direct_chats c WHERE `+side+`_unread <> (
				SELECT count(*) FROM direct_messages m WHERE m.chat_id = c.id AND m.sender_id <> `+reader+` AND m.seq > c.`+side+`_read_seq)`))
		}

		before := contents(t, db)
		again, err := s.Demo(t.Context())
		require.NoError(t, err)
		require.Equal(t, login, again)
		require.Equal(t, before, contents(t, db))
		require.Len(t, h.asked, 1)

		seed(t, db, Options{Users: 5, Groups: 2, Messages: 50})
		requireSound(t, db)
		require.Equal(t, 207, one(t, db, "SELECT count(*) FROM messages m JOIN channels c ON c.id = m.channel_id WHERE c.group_id <= 4"),
			"the demo's groups are not filled up")
	})
}

func TestDemoNeedsItsNames(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, db *store.Store) {
		require.NoError(t, db.Write(t.Context(), insert(`
			INSERT INTO users (username, display_name, password_hash, created_at) VALUES ('ben', 'Real', 'own', 1)`)))
		_, err := New(db, &hasher{}, 1000).Demo(t.Context())
		var taken *TakenError
		require.ErrorAs(t, err, &taken)
		require.Equal(t, []string{"ben"}, taken.Usernames)
		require.Equal(t, 1, one(t, db, "SELECT count(*) FROM users"))
		require.Zero(t, one(t, db, "SELECT count(*) FROM groups"))
	})
}
