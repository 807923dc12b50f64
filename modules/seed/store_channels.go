package seed

// channelRow is a channel, made After milliseconds from when its group was.
type channelRow struct {
	ID      int64  `json:"-"`
	Group   int64  `json:"grp"`
	Name    string `json:"name"`
	Topic   string `json:"topic"`
	Private bool   `json:"private"`
	After   int64  `json:"after"`
}

// insertChannels makes channels in groups that are locked, and numbers the changes. The rows returned are in no certain order.
func (t tables) insertChannels(rows []channelRow) (made []channelRow, err error) {
	if err := t.rows(&made, `
		INSERT INTO channels (group_id, name, topic, private, created_at)
		SELECT g.id, r.name, r.topic, r.private, g.created_at + r.after
		FROM `+t.list("grp bigint", "name text", "topic text", "private boolean", "after bigint")+`
		JOIN groups g ON g.id = r.grp
		ORDER BY g.id, r.after, r.name
		RETURNING id, group_id AS "group", name, private`, rows); err != nil {
		return nil, err
	}
	var public []pair
	for _, c := range made {
		if !c.Private {
			public = append(public, pair{In: c.Group})
		}
	}
	return made, t.raiseGroups(public)
}

// channelNames lists the names that are taken, by group.
func (t tables) channelNames(groups []int64) (map[int64]map[string]bool, error) {
	var found []channelRow
	err := t.rows(&found, `
		SELECT c.group_id AS "group", c.name FROM `+t.list("id bigint")+` JOIN channels c ON c.group_id = r.id`, idsOf(groups))
	names := make(map[int64]map[string]bool, len(groups))
	for _, id := range groups {
		names[id] = make(map[string]bool)
	}
	for _, c := range found {
		names[c.Group][c.Name] = true
	}
	return names, err
}

// channelCount is how many channels a group has.
type channelCount struct {
	ID       int64
	Channels int
}

// countChannels counts the channels of each group, in the order of their ids.
func (t tables) countChannels(groups []int64) (all []channelCount, err error) {
	err = t.rows(&all, `
		SELECT r.id, count(c.id) AS channels
		FROM `+t.list("id bigint")+` LEFT JOIN channels c ON c.group_id = r.id
		GROUP BY r.id ORDER BY r.id`, idsOf(groups))
	return all, err
}

// spread is a number from 0 to 99 that looks random, for the user and the channel of a statement.
const spread = `((x.user_id % 1000) * 19 + (c.id % 1000) * 29) % 100`

// fillPrivate makes the owner, the admins and about half of the other members of their groups members of private channels.
func (t tables) fillPrivate(channels []int64) error {
	return t.letIn(`
		SELECT c.id, x.user_id, CASE WHEN x.joined_at > c.created_at THEN x.joined_at ELSE c.created_at END
		FROM `+t.list("id bigint")+` JOIN channels c ON c.id = r.id JOIN group_members x ON x.group_id = c.group_id
		WHERE x.role <> 'member' OR `+spread+` < 50`, idsOf(channels))
}

// insertChannelMembers makes users members of private channels.
func (t tables) insertChannelMembers(rows []readerRow) error {
	return t.letIn(`
		SELECT c.id, x.user_id, CASE WHEN x.joined_at > c.created_at THEN x.joined_at ELSE c.created_at END
		FROM `+t.list("channel bigint", "usr bigint")+`
		JOIN channels c ON c.id = r.channel JOIN group_members x ON x.group_id = c.group_id AND x.user_id = r.usr`, rows)
}

// readerRow is a user to be let into a private channel.
type readerRow struct {
	Channel int64 `json:"channel"`
	User    int64 `json:"usr"`
}

// letIn makes the channel members that a query returns, and numbers the changes.
func (t tables) letIn(query string, rows any) error {
	var in []pair
	if err := t.rows(&in, `
		INSERT INTO channel_members (channel_id, user_id, joined_at)`+query+`
		RETURNING channel_id AS "in", user_id AS "user"`, rows); err != nil {
		return err
	}
	return t.raiseUsers(in)
}

// channelState is a channel that messages may be added to.
type channelState struct {
	ID        int64
	Name      string
	LastSeq   int64
	LastAt    int64 // when its last message was sent, or 0
	CreatedAt int64
	Members   int // of its group
}

// channelStates reads channels, those whose id or group_id is among the ids, in the order of their own ids.
func (t tables) channelStates(column string, ids []int64) (all []channelState, err error) {
	err = t.rows(&all, `
		SELECT c.id, c.name, c.last_seq, c.created_at, COALESCE(m.created_at, 0) AS last_at,
			(SELECT count(*) FROM group_members x WHERE x.group_id = c.group_id) AS members
		FROM `+t.list("id bigint")+` JOIN channels c ON c.`+column+` = r.id
		LEFT JOIN messages m ON m.channel_id = c.id AND m.seq = c.last_seq
		ORDER BY c.id`, idsOf(ids))
	return all, err
}
