package group

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"parley/app/problem"
)

// Longest texts, in characters.
const (
	maxGroupName   = 100
	maxDescription = 1000
	maxChannelName = 64
	maxTopic       = 250
)

// generalChannel is the channel that every group begins with. Nothing else is special about it.
const generalChannel = "general"

// checks collects what is wrong with the fields of one request, so that all of it is reported at once.
type checks struct{ fields []problem.Field }

func (c *checks) add(field, format string, args ...any) {
	c.fields = append(c.fields, problem.Field{Field: field, Message: fmt.Sprintf(format, args...)})
}

// err is nil if nothing is wrong.
func (c *checks) err() error {
	if len(c.fields) == 0 {
		return nil
	}
	return problem.Invalid.WithFields(c.fields...)
}

// groupName returns the name as it is kept.
func (c *checks) groupName(name string) string {
	name = c.text("name", name, maxGroupName)
	if !strings.ContainsFunc(name, visible) {
		c.add("name", "must not be empty")
	}
	return name
}

// description returns the description as it is kept. It alone may have several lines.
func (c *checks) description(text string) string {
	kept := strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	c.text("description", strings.ReplaceAll(kept, "\n", " "), maxDescription)
	return kept
}

// topic returns the topic as it is kept.
func (c *checks) topic(text string) string { return c.text("topic", text, maxTopic) }

// text returns one line of text without the space around it.
func (c *checks) text(field, text string, limit int) string {
	text = strings.TrimSpace(text)
	switch {
	case !utf8.ValidString(text):
		c.add(field, "must be valid UTF-8")
	case strings.ContainsFunc(text, unicode.IsControl):
		c.add(field, "must not contain control characters")
	case utf8.RuneCountInString(text) > limit:
		c.add(field, "must not be longer than %d characters", limit)
	}
	return text
}

// channelName returns the name as it is kept: in lower case and composed, so that names that look the same are the same.
func (c *checks) channelName(name string) string {
	name = norm.NFC.String(strings.ToLower(name))
	switch n := utf8.RuneCountInString(name); {
	case n == 0:
		c.add("name", "must not be empty")
	case n > maxChannelName:
		c.add("name", "must not be longer than %d characters", maxChannelName)
	case strings.ContainsFunc(name, notInChannelName): // what was invalid UTF-8 is a replacement character by now
		c.add("name", "must be made of letters, digits, '-' and '_'")
	}
	return name
}

// role checks a role that a request names.
func (c *checks) role(r Role) {
	if !r.Valid() {
		c.add("role", "must be one of %s, %s, %s", RoleOwner, RoleAdmin, RoleMember)
	}
}

// given applies a rule to what a patch changes; nil stays as it is.
func given(text *string, rule func(string) string) *string {
	if text == nil {
		return nil
	}
	kept := rule(*text)
	return &kept
}

// visible leaves out what would make a name look empty.
func visible(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }

// notInChannelName allows marks besides letters and digits: many scripts write their vowels with them.
func notInChannelName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '-' && r != '_'
}
