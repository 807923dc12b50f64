import type { Language } from "@/i18n";

/** The emoji, its group, its name, words with which it is found, and 1 if it can have another skin tone. */
export type EmojiTuple = [emoji: string, group: number, name: string, words: string, tones?: 1];

export interface Emoji {
  emoji: string;
  group: number;
  name: string;
  /** What it is found by, in lower case, in the language of the user and in English. */
  words: string;
  tones: boolean;
}

/** The groups by their numbers, in the order in which they are shown, each with an emoji that stands for it. */
export const groups = [
  [0, "😀"], [1, "👋"], [3, "🐻"], [4, "🍏"], [5, "✈️"], [6, "⚽"], [7, "💡"], [8, "🔣"], [9, "🏁"],
] as const;

/** Skin tones; the first is none. */
export const tones = ["", "\u{1F3FB}", "\u{1F3FC}", "\u{1F3FD}", "\u{1F3FE}", "\u{1F3FF}"] as const;

/** An emoji with a skin tone, if it can have one. */
export function withTone({ emoji, tones }: Pick<Emoji, "emoji" | "tones">, tone: string): string {
  return tones && tone ? emoji.replace(/(\p{Emoji_Modifier_Base})\uFE0F?/gu, `$1${tone}`) : emoji;
}

/** Puts the data of a language together with the English names, by which many people know emoji in other languages, too. */
export function emojiOf(own: readonly EmojiTuple[], english: readonly EmojiTuple[] = []): Emoji[] {
  const others = new Map(english.map(([emoji, , name, words]) => [emoji, `${name} ${words}`]));
  return own.map(([emoji, group, name, words, tones]) => ({
    emoji, group, name, words: `${name} ${words} ${others.get(emoji) ?? ""}`.toLowerCase(), tones: tones === 1,
  }));
}

/** Fetches the emoji that can be picked, with names in a language. */
export async function loadEmoji(language: Language): Promise<Emoji[]> {
  const english = import("virtual:emoji/en");
  if (language !== "de") return emojiOf((await english).default);
  const german = await import("virtual:emoji/de");
  return emojiOf(german.default, (await english).default);
}

/** The emoji all of whose words begin with what is typed; those with a fitting name first. */
export function findEmoji(all: readonly Emoji[], query: string, limit: number): Emoji[] {
  const wanted = query.toLowerCase().split(/[\s_:]+/).filter(Boolean);
  if (wanted.length === 0) return [];
  const found = all.filter((emoji) => wanted.every((word) => hasWord(emoji.words, word)));
  const named = (emoji: Emoji): number => (wanted.every((word) => hasWord(emoji.name.toLowerCase(), word)) ? 0 : 1);
  return found.sort((a, b) => named(a) - named(b)).slice(0, limit);
}

function hasWord(words: string, beginning: string): boolean {
  return words.startsWith(beginning) || words.includes(` ${beginning}`);
}
