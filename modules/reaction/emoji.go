package reaction

import (
	_ "embed" // the emoji
	"strings"
	"sync"
)

// emojiList is all that is known of emoji. A new version of Unicode replaces it.
//
//go:embed emoji.txt
var emojiList string

// presentation are the two characters that ask for an emoji as a picture or as text. Keyboards write the first one or leave it out.
var presentation = strings.NewReplacer("\ufe0e", "", "\ufe0f", "")

// emojiForms are the emoji in the form in which they are kept, by that without any wish for a presentation.
var emojiForms = sync.OnceValue(func() map[string]string {
	forms := make(map[string]string, strings.Count(emojiList, "\n"))
	for line := range strings.Lines(emojiList) {
		if !strings.HasPrefix(line, "# ") { // of a comment; the keycap # goes on without the space
			emoji := strings.TrimSuffix(line, "\n")
			forms[presentation.Replace(emoji)] = emoji
		}
	}
	return forms
})

// canonical returns the one form of an emoji, and whether s is exactly one.
func canonical(s string) (emoji string, ok bool) {
	emoji, ok = emojiForms()[presentation.Replace(s)]
	return emoji, ok
}
