import type { EmojiName } from "./completion";

let loading: Promise<readonly EmojiName[]> | undefined;

/** The shortcodes that people know from GitHub and elsewhere, as a part of the program of its own, fetched once they are needed. */
export function loadEmojiNames(): Promise<readonly EmojiName[]> {
  loading ??= import("emojibase-data/en/shortcodes/github.json").then(
    (file) => namesOf(file.default),
    (failure: unknown) => {
      loading = undefined; // Offline, say: the next key press tries again.
      throw failure;
    },
  );
  return loading;
}

/** Emoji by name, of a list of names by code points in hexadecimal. */
export function namesOf(shortcodes: Record<string, string | string[]>): EmojiName[] {
  return Object.entries(shortcodes).flatMap(([hexcode, names]) => {
    const emoji = emojiOf(hexcode);
    return [names].flat().map((name) => ({ name, emoji }));
  });
}

function emojiOf(hexcode: string): string {
  const emoji = String.fromCodePoint(...hexcode.split("-").map((part) => Number.parseInt(part, 16)));
  // Some, like ☀, are letters unless a variation selector says otherwise; in a sequence it is there already.
  return hexcode.includes("-") || /^\p{Emoji_Presentation}$/u.test(emoji) ? emoji : `${emoji}\uFE0F`;
}
