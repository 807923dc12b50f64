package search

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// messages and what finds them: the same on both dialects.
var languages = []struct {
	text    string
	finds   []string
	not     []string
	another string // why
}{
	{text: "Hello world, how are you?", finds: []string{"hello", "HELLO", "world hello", "hel", `"hello world"`, `"how are you"`, "hello -goodbye", "you?"},
		not: []string{"he", "ello", `"world hello"`, "hello goodbye", "hello -you", `hello -"how are"`, "hel world2", "hello wor ", "-hello"}},
	{text: "Die Straße ist für Fußgänger übermäßig schmal", finds: []string{"strasse", "STRASSE", "straße", "fur", "für", "uberm", "Fußgänger", "fussganger"},
		not: []string{"fuer", "strase"}},
	{text: "Déjà vu à la crème brûlée, señor; l'été à Noël", finds: []string{"deja", "DÉJÀ VU", "creme brulee", "senor", "ete", "l'été", "noel"},
		not: []string{"lete"}},
	{text: "Zażółć gęślą jaźń, Łódź. Příliš žluťoučký kůň", finds: []string{"zazolc", "lodz", "łódź", "prilis", "zlutoucky kun"}},
	{text: "Привет, мир! Ещё одна ёлка. Как дела?", finds: []string{"привет", "ПРИВЕТ мир", "еще", "ЕЩЁ", "елка", "\"как дела\"", "прив"}, not: []string{"ривет"}},
	{text: "Καλημέρα κόσμε, Ὀδυσσεύς", finds: []string{"καλημερα", "ΚΑΛΗΜΈΡΑ", "κόσμε", "οδυσσευς", "οδυσσευσ"}},
	{text: "İstanbul'da ılık bir gün", finds: []string{"istanbul", "İSTANBUL", "ilik", "ılık", "gun"}},
	{text: "今日は東京都庁へ行きました。ラーメンがおいしい", finds: []string{"東京", "東京都", "京都", "都", "ラーメン", "行きました", "た", "今日は東京都庁へ行きました"},
		not: []string{"京東", "大阪", "メーラ"}, another: "any part of it is found, like 京都 in 東京都: where words end is not known"},
	{text: "我们明天在北京开会，请准时参加", finds: []string{"北京", "开会", "明天 开会", "会", `"北京开会"`}, not: []string{"南京", "北开"}},
	{text: "데이터베이스를 업데이트했습니다", finds: []string{"데이터베이스", "업데이트", "베이스를", "데이터베이스 업데이트"}, not: []string{"업그레이드"}},
	{text: "สวัสดีชาวโลก ภาษาไทย", finds: []string{"สวัสดี", "ชาวโลก", "ภาษา", "ไทย"}, not: []string{"โลกชาว"}},
	{text: "نَصٌّ عَرَبِيّ قصير", finds: []string{"نص", "عربي", "نص قصير"}},
	{text: "शुभ प्रभात हिन्दी", finds: []string{"हिन्दी", "शुभ प्रभात"}, not: []string{"हनद"}},
	{text: "Party! 🎉🎉 see you 👍🏽 there 👩‍💻", finds: []string{"🎉", "👍", "👍🏿", "party 🎉", "👩‍💻", "🎉🎉"}, not: []string{"🎂", "🎉🎉🎉"}},
	{text: "func (s *Server) ServeHTTP(w http.ResponseWriter) error { return nil }", finds: []string{"ServeHTTP", "servehttp", "http.ResponseWriter", "(w http", "resp", "s*server"},
		not: []string{"HTTP.Serve"}},
	{text: "set MAX_CONN_LIFE=30 in app_config.yaml, then ctrl+c; v1.26.0", finds: []string{"max_conn_life", "conn", "app_config.yaml", "config.yaml", "ctrl+c", "v1.26", "v1.26.0"}, not: []string{"1.26", "max_life", "1.0.26"}},
	{text: "See https://example.com/docs/a-b?id=42&x=%20#frag now", finds: []string{"https://example.com/docs", "example.com", "id=42", "/docs/a-b"}, not: []string{"example.org", "com.example", "example.co"}},
	{text: "Write to Ann.Example+chat@mail.example.org, @ben!", finds: []string{"ann.example+chat@mail.example.org", "ann.example", "@ben", "ben", "mail.example.org"}, not: []string{"ann@mail.example.org"}},
	{text: "100% of C++ & C# '; DROP TABLE messages; -- \"quoted\" \\ NULL", finds: []string{"100%", "c++", "c#", "drop table", `"drop table messages"`, "quoted", "null", "'; drop"}},
	{text: "NOT AND OR NEAR(x, y) a:b words:x", finds: []string{"not and or near", "NEAR(x, y)", "a:b", "words:x", "AND", "OR"}, not: []string{"NEAR(y, x)"}},
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	inEachWorld(t, func(t *testing.T, w *world) {
		ids := make([]int64, len(languages))
		for i, l := range languages {
			ids[i] = w.say(2, 1, l.text)
		}
		w.settle()
		for i, l := range languages {
			for _, typed := range l.finds {
				require.Contains(t, w.finds(1, typed), ids[i], "%q finds %q", typed, l.text)
			}
			for _, typed := range l.not {
				require.NotContains(t, w.finds(1, typed), ids[i], "%q does not find %q", typed, l.text)
			}
		}
		for _, typed := range []string{"", " ", "-", `"`, `""`, "!?", "-hello", "- -", "\u0301"} {
			require.Empty(t, w.finds(1, typed), typed)
		}
	})
}

func TestWhoFindsWhat(t *testing.T) {
	t.Parallel()
	inEachWorld(t, func(t *testing.T, w *world) {
		public, secret, other := w.say(2, 1, "needle in public"), w.say(2, 2, "needle in secret"), w.say(4, 3, "needle elsewhere")
		chat, foreign, self := -w.whisper(1, 1, "needle for ben"), -w.whisper(3, 2, "needle for ben, too"), -w.whisper(1, 3, "needle for me")
		w.settle()
		require.Equal(t, []int64{self, chat, other, secret, public}, w.finds(1, "needle"), "the latest first")
		require.Equal(t, []int64{foreign, chat, secret, public}, w.finds(2, "needle"))
		require.Equal(t, []int64{foreign, public}, w.finds(3, "needle"))
		require.Equal(t, []int64{other}, w.finds(4, "needle"))
		require.Empty(t, w.finds(5, "needle"))

		needle := Parse("needle")
		at := func(id int64) int64 { return w.number(`SELECT created_at FROM messages WHERE id = ?`, id) }
		for name, tc := range map[string]struct {
			request Request
			want    []int64
		}{
			"a group":                 {Request{Viewer: 1, Group: 1}, []int64{secret, public}},
			"for others in it":        {Request{Viewer: 3, Group: 1}, []int64{public}},
			"a channel":               {Request{Viewer: 1, Channel: 2}, []int64{secret}},
			"and its group":           {Request{Viewer: 1, Group: 1, Channel: 2}, []int64{secret}},
			"a chat":                  {Request{Viewer: 1, With: 2}, []int64{chat}},
			"from the other end":      {Request{Viewer: 2, With: 1}, []int64{chat}},
			"with oneself":            {Request{Viewer: 1, With: 1}, []int64{self}},
			"with nobody":             {Request{Viewer: 1, With: 99}, []int64{}},
			"from somebody":           {Request{Viewer: 1, From: 2}, []int64{secret, public}},
			"from somebody in a chat": {Request{Viewer: 1, From: 2, With: 2}, []int64{}},
			"from oneself":            {Request{Viewer: 1, From: 1}, []int64{self, chat}},
			"since":                   {Request{Viewer: 3, After: at(public)}, []int64{foreign, public}},
			"a moment later":          {Request{Viewer: 3, After: at(public) + 1}, []int64{foreign}},
			"until":                   {Request{Viewer: 1, Before: at(secret)}, []int64{public}},
			"a moment later, too":     {Request{Viewer: 1, Before: at(secret) + 1}, []int64{secret, public}},
			"between":                 {Request{Viewer: 1, After: at(secret), Before: at(other)}, []int64{secret}},
			"at no time":              {Request{Viewer: 1, After: at(other), Before: at(secret)}, []int64{}},
		} {
			tc.request.Query = needle
			require.Equal(t, tc.want, w.found(tc.request), name)
		}
		for name, r := range map[string]Request{"private": {Viewer: 3, Channel: 2}, "of others": {Viewer: 4, Channel: 1}, "nowhere": {Viewer: 1, Channel: 99}, "in another group": {Viewer: 1, Group: 2, Channel: 1}} {
			r.Query, r.Limit = needle, 1
			_, err := w.index.Search(t.Context(), r)
			require.ErrorIs(t, err, ErrChannelNotFound, name)
		}
		for name, r := range map[string]Request{"of others": {Viewer: 4, Group: 1}, "nowhere": {Viewer: 1, Group: 99}} {
			r.Query, r.Limit = needle, 1
			_, err := w.index.Search(t.Context(), r)
			require.ErrorIs(t, err, ErrGroupNotFound, name)
		}

		// Rights are those of the moment, whatever the index says.
		w.exec(`DELETE FROM channel_members WHERE user_id = 2`)
		require.Equal(t, []int64{foreign, chat, public}, w.finds(2, "needle"))
		w.exec(`DELETE FROM group_members WHERE user_id = 3`)
		require.Equal(t, []int64{foreign}, w.finds(3, "needle"))
		w.exec(`INSERT INTO group_members (group_id, user_id, role, joined_at) VALUES (2, 3, 'member', 0)`)
		require.Equal(t, []int64{foreign, other}, w.finds(3, "needle"))
	})
}

func TestPersonal(t *testing.T) {
	t.Parallel()
	inEachWorld(t, func(t *testing.T, w *world) {
		id := w.whisper(2, 1, "psst")
		messages, err := w.index.Personal(t.Context(), 1, []int64{id})
		require.NoError(t, err)
		require.Len(t, messages, 1)
		m := messages[0]
		require.Equal(t, []any{id, int64(1), int64(1), int64(2), int64(1), "psst"}, []any{m.MessageID, m.ChatID, m.Seq, m.SenderID, m.ReceiverID, m.Content})
		require.Equal(t, w.now, m.CreatedAt.UnixMilli())
		messages, err = w.index.Personal(t.Context(), 3, []int64{id})
		require.NoError(t, err)
		require.Empty(t, messages)
	})
}

// Paging goes on where it was, whatever arrives meanwhile.
func TestPagesAreStable(t *testing.T) {
	t.Parallel()
	inEachWorld(t, func(t *testing.T, w *world) {
		var want []int64
		for i := range 25 {
			want = append(want, w.say(2, 1+int64(i%3), fmt.Sprint("common number ", i)))
			if i%5 == 0 {
				want = append(want, -w.whisper(1, 1, "common, too"))
			}
		}
		slices.Reverse(want)
		w.settle()
		r := Request{Query: Parse("common"), Viewer: 1, Limit: 4}
		got := []int64{}
		for {
			page, err := w.index.Search(t.Context(), r)
			require.NoError(t, err)
			for _, h := range page.Hits {
				id := h.MessageID
				if h.Direct {
					id = -id
				}
				got = append(got, id)
			}
			if page.Next == 0 {
				break
			}
			require.Len(t, page.Hits, 4)
			r.Cursor = page.Next
			w.say(2, 1, "common and new")
			w.settle()
		}
		require.Equal(t, want, got)
	})
}

// Messages of the same moment, and even those whose documents would have the same id, are all found.
func TestSameMoment(t *testing.T) {
	t.Parallel()
	inEachWorld(t, func(t *testing.T, w *world) {
		want := []int64{}
		for i := range int64(6) {
			id := 100 + i%2 + i/2<<(idBits-1)
			require.Equal(t, documentID(5, 100+i%2, false), documentID(5, id, false))
			w.exec(`INSERT INTO messages (id, channel_id, seq, sender_id, hash, content, created_at) VALUES (?, 1, ?, 2, ?, 'twin', 5)`, id, i+1, fmt.Sprint("h", i))
			want = append(want, id)
		}
		w.exec(`UPDATE channels SET last_seq = 6 WHERE id = 1`)
		w.settle()
		require.ElementsMatch(t, want, w.finds(1, "twin"))
		w.exec(`UPDATE messages SET content = 'changed twin' WHERE channel_id = 1`)
		w.settle()
		require.ElementsMatch(t, want, w.finds(1, "changed"))
		require.EqualValues(t, 6, w.number(`SELECT count(*) FROM search_documents`))
	})
}

// The index never leaves out what the query would let pass, and nothing that is typed is an error.
func TestAnythingTyped(t *testing.T) {
	t.Parallel()
	inEachWorld(t, func(t *testing.T, w *world) {
		texts := make(map[int64]string)
		add := func(text string) { texts[w.say(2, 1, text)] = text }
		for _, l := range languages {
			add(l.text)
		}
		add(`AND OR NOT NEAR ( ) " ' : * ^ - + \ & | ! < > g=1 c=1 "g=1" 'x':* {words}: words : x`)
		w.settle()
		alphabet := []string{"a", "g=1", "c=2", "p=1", "hello", "hel", "東", "京都", "🎉", "é", "AND", "OR", "NOT", "NEAR", " ", "  ", `"`, "'", "-", "*", ":", "(", ")", "^", "+",
			"\\", "&", "|", "!", "<->", "words:", "x", "\t", "%", "_", "\u0301", "\u200d", "“", "{", "}", "@", "?", "$1", ";", "--", "/*"}
		rapid.Check(t, func(t *rapid.T) {
			typed := rapid.OneOf(rapid.StringN(1, 200, -1), rapid.Custom(func(t *rapid.T) string {
				var b string
				for _, part := range rapid.SliceOfN(rapid.SampledFrom(alphabet), 1, 12).Draw(t, "parts") {
					b += part
				}
				return b
			})).Draw(t, "typed")
			q := Parse(typed)
			page, err := w.index.Search(w.t.Context(), Request{Query: q, Viewer: 1, Limit: 100})
			require.NoError(t, err)
			want := 0
			for _, text := range texts {
				if len(q.match(text)) > 0 {
					want++
				}
			}
			require.Len(t, page.Hits, want)
		})
	})
}

// However many places somebody may read.
func TestManyGroups(t *testing.T) {
	t.Parallel()
	inEachWorld(t, func(t *testing.T, w *world) {
		const groups = 3000
		w.exec(`WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO groups (id, name, created_at) SELECT i, 'g', 0 FROM n`, groups)
		w.exec(`INSERT INTO group_members (group_id, user_id, role, joined_at) SELECT id, 3, 'member', 0 FROM groups WHERE id >= 10`)
		w.exec(`INSERT INTO channels (id, group_id, name, private, created_at) SELECT id, id, 'c', id % 2 = 1, 0 FROM groups WHERE id >= 10`)
		w.exec(`INSERT INTO channel_members (channel_id, user_id, joined_at) SELECT id, 3, 0 FROM channels WHERE private AND id >= 10`)
		first, last := w.say(3, 10, "needle"), w.say(3, groups-1, "needle")
		w.say(4, 3, "needle")
		w.settle()
		require.Equal(t, []int64{last, first}, w.finds(3, "needle"))
	})
}

// A search that finds all slots taken says so.
func TestBusy(t *testing.T) {
	t.Parallel()
	inEachWorld(t, func(t *testing.T, w *world) {
		for range cap(w.index.slots) {
			w.index.slots <- struct{}{}
		}
		w.index.budget = time.Millisecond
		_, err := w.index.Search(t.Context(), Request{Query: Parse("x"), Viewer: 1, Limit: 1})
		require.ErrorIs(t, err, ErrBusy)
	})
}
