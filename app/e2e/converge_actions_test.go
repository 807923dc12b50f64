package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"

	"parley/app/event"
)

// actor does what people do, one thing after the other. What somebody may not do, or what is gone by then, is answered so, and that is fine.
type actor struct {
	*turmoil

	random *rand.Rand
	name   string
	n      int // of the action
}

// scene is where an action takes place: a person, and what that one sees.
type scene struct {
	*person

	group   groupInfo
	channel channelInfo
	other   *person
}

// path is an address within the group's channel.
func (s scene) path(format string, more ...any) string {
	return fmt.Sprintf("/groups/%d/channels/%d", s.group.ID, s.channel.ID) + fmt.Sprintf(format, more...)
}

// act does one thing.
func (a *actor) act(n int) error {
	a.n = n
	s := scene{person: a.people[a.random.IntN(len(a.people))], other: a.people[a.random.IntN(len(a.people))]}
	var groups []groupInfo
	if err := s.get("/groups", &groups); err != nil {
		return err
	}
	if len(groups) == 0 {
		return a.do(s, http.MethodPost, "/groups", map[string]any{"name": a.word()})
	}
	s.group = groups[a.random.IntN(len(groups))]
	if len(s.group.Channels) == 0 {
		return a.do(s, http.MethodPost, fmt.Sprintf("/groups/%d/channels", s.group.ID), map[string]any{"name": a.word()})
	}
	s.channel = s.group.Channels[a.random.IntN(len(s.group.Channels))]
	switch dice := a.random.IntN(100); {
	case dice < 38:
		return a.say(s)
	case dice < 62:
		return a.changeMessage(s)
	case dice < 72:
		return a.do(s, http.MethodPost, s.path("/read"), map[string]any{"seq": a.random.Int64N(s.channel.LastSeq + 2)})
	case dice < 80:
		return a.chat(s)
	case dice < 90:
		return a.changeChannels(s)
	default:
		return a.changeGroups(s, len(groups))
	}
}

// word makes up a name that nothing else has.
func (a *actor) word() string { return fmt.Sprintf("w-%s-%d", a.name, a.n) }

// do makes a request, again and again until it is answered, by whatever but a fault.
func (a *actor) do(s scene, method, path string, body any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return err
		}
	}
	for {
		answer, err := s.request(a.t.Context(), method, path, data)
		switch {
		case a.t.Context().Err() != nil:
			return a.t.Context().Err()
		case err != nil || answer.status == http.StatusServiceUnavailable:
			pause(a.t.Context(), pollPause)
		case answer.status >= 500 || answer.status == http.StatusBadRequest && answer.code() != "validation_failed":
			return fmt.Errorf("%s %s %s: %d %s", method, path, data, answer.status, answer.body)
		default:
			return nil
		}
	}
}

// messages reads the latest messages of a channel.
func (s scene) messages() ([]event.Message, error) {
	var page struct{ Messages []event.Message }
	err := s.get(s.path("/messages?limit=25"), &page)
	return page.Messages, err
}

// say sends a few messages; some are replies, some mention somebody.
func (a *actor) say(s scene) error {
	for i := range 1 + a.random.IntN(3) {
		body := map[string]any{"content": a.word(), "hash": fmt.Sprintf("%s-%d", a.word(), i)}
		switch a.random.IntN(6) {
		case 0:
			body["content"] = "Hello @" + s.other.name
		case 1:
			body["content"] = "Hello @channel"
		case 2:
			messages, err := s.messages()
			if err != nil {
				return err
			}
			if len(messages) > 0 {
				body["replyTo"] = messages[a.random.IntN(len(messages))].MessageID
			}
		}
		if err := a.do(s, http.MethodPost, s.path("/messages"), body); err != nil {
			return err
		}
	}
	return nil
}

// changeMessage edits or deletes a message, or puts something to it.
func (a *actor) changeMessage(s scene) error {
	messages, err := s.messages()
	if err != nil || len(messages) == 0 {
		return err
	}
	m := messages[a.random.IntN(len(messages))]
	path := s.path("/messages/%d", m.MessageID)
	emoji := "/reactions/" + url.PathEscape([]string{"👍", "🎉", "❤️"}[a.random.IntN(3)])
	switch dice := a.random.IntN(20); {
	case dice < 7:
		content := a.word()
		if dice == 0 {
			content += " @" + s.other.name
		}
		for _, p := range a.people { // an edit is for the author
			if p.id == m.SenderID {
				s.person = p
			}
		}
		return a.do(s, http.MethodPatch, path, map[string]any{"content": content})
	case dice < 9:
		return a.do(s, http.MethodDelete, path, nil)
	case dice < 14:
		return a.do(s, http.MethodPut, path+emoji, nil)
	case dice < 17:
		return a.do(s, http.MethodDelete, path+emoji, nil)
	case dice < 19:
		return a.do(s, http.MethodPut, path+"/pin", nil)
	default:
		return a.do(s, http.MethodDelete, path+"/pin", nil)
	}
}

// chat writes to somebody, or reads what somebody has written.
func (a *actor) chat(s scene) error {
	path := fmt.Sprintf("/direct/%d", s.other.id)
	if a.random.IntN(3) > 0 {
		return a.do(s, http.MethodPost, path+"/messages", map[string]any{"content": a.word(), "hash": a.word()})
	}
	return a.do(s, http.MethodPost, path+"/read", map[string]any{"seq": 1 + a.random.IntN(8)})
}

// changeChannels makes, renames and deletes channels, and lets people into private ones.
func (a *actor) changeChannels(s scene) error {
	path := fmt.Sprintf("/groups/%d/channels", s.group.ID)
	switch a.random.IntN(8) {
	case 0, 1:
		return a.do(s, http.MethodPost, path, map[string]any{"name": a.word(), "private": a.random.IntN(2) == 0})
	case 2, 3:
		return a.do(s, http.MethodPatch, s.path(""), map[string]any{"topic": a.word()})
	case 4:
		return a.do(s, http.MethodDelete, s.path(""), nil)
	case 5, 6:
		return a.do(s, http.MethodPost, s.path("/members"), map[string]any{"userId": s.other.id})
	default:
		return a.do(s, http.MethodDelete, s.path("/members/%d", s.other.id), nil)
	}
}

// changeGroups makes, renames and deletes groups, and changes who is in them.
func (a *actor) changeGroups(s scene, groups int) error {
	path := fmt.Sprintf("/groups/%d", s.group.ID)
	switch a.random.IntN(12) {
	case 0:
		return a.do(s, http.MethodPatch, path, map[string]any{"name": a.word()})
	case 1:
		if groups > 3 {
			return a.do(s, http.MethodDelete, path, nil)
		}
		return a.do(s, http.MethodPost, "/groups", map[string]any{"name": a.word()})
	case 2, 3, 4, 5:
		return a.do(s, http.MethodPost, path+"/members", map[string]any{"userId": s.other.id})
	case 6, 7:
		return a.do(s, http.MethodDelete, fmt.Sprintf("%s/members/%d", path, s.other.id), nil)
	case 8:
		return a.do(s, http.MethodDelete, fmt.Sprintf("%s/members/%d", path, s.id), nil)
	case 9:
		return a.do(s, http.MethodPost, path+"/transfer", map[string]any{"userId": s.other.id})
	default:
		role := []string{"admin", "member", "owner"}[a.random.IntN(3)]
		return a.do(s, http.MethodPatch, fmt.Sprintf("%s/members/%d", path, s.other.id), map[string]any{"role": role})
	}
}
