/** What is being completed in a text, and the best ways to do so. */
import type { Id, User } from "@/client";

/** A name or shortcode that was begun, from its sign to the caret. */
export interface Trigger {
  kind: "mention" | "emoji";
  /** What follows the sign, in lower case. */
  query: string;
  /** Where the sign is in the text. */
  start: number;
  end: number;
}

/** One way to go on. `insert` takes the place of what was typed. */
export interface Option {
  key: string;
  insert: string;
  kind: "user" | "channel" | "emoji";
  label: string;
  detail: string;
  userId?: Id;
}

/** A sign begins something at the start, behind white space, or behind an opening bracket; never within a word, as in an address. */
const mention = /(?:^|[\s([{"'])@([\p{L}\p{N}._-]{0,32})$/u;
/** A colon alone is most often just a colon, and so is one with a single character behind it. */
const emoji = /(?:^|[\s([{"'])(:([a-z0-9_+-]{2,32}))$/i;

/** Finds what the caret is at the end of. */
export function findTrigger(text: string, caret: number): Trigger | null {
  // Enough for the longest name: a long text is not looked through with each key press.
  const before = text.slice(Math.max(0, caret - 40), caret);
  const name = mention.exec(before)?.[1];
  if (name !== undefined) return { kind: "mention", query: name.toLowerCase(), start: caret - name.length - 1, end: caret };
  const code = emoji.exec(before)?.[2];
  if (code !== undefined) return { kind: "emoji", query: code.toLowerCase(), start: caret - code.length - 1, end: caret };
  return null;
}

/**
 * Those whose username, or a word of whose name, begins with the query: the username first, then the beginning of the name, then another
 * word of it; among equals those who have `rank` (say, who spoke lately: lower is better), then by name.
 */
export function rankUsers(users: Iterable<User>, query: string, limit: number, rank: (id: Id) => number = () => 0): User[] {
  const wanted = fold(query);
  const found: { user: User; score: number; rank: number; name: string }[] = [];
  for (const user of users) {
    const name = fold(user.displayName);
    const score = scoreOf(fold(user.username), name, wanted);
    if (score !== undefined) found.push({ user, score, rank: rank(user.id), name });
  }
  found.sort((a, b) => a.score - b.score || a.rank - b.rank || (a.name < b.name ? -1 : a.name > b.name ? 1 : a.user.id - b.user.id));
  return found.slice(0, limit).map((f) => f.user);
}

function scoreOf(username: string, name: string, wanted: string): number | undefined {
  if (wanted === "") return 0;
  if (username === wanted) return 0;
  if (username.startsWith(wanted) || name.startsWith(wanted)) return 1;
  if (name.split(/[\s-]+/).some((word) => word.startsWith(wanted))) return 2;
  return undefined;
}

/** A text without case and accents: "Jürgen" is found by "jur". */
function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** An emoji by one of its names. */
export interface EmojiName {
  name: string;
  emoji: string;
}

/** The emoji whose name begins with the query, the shortest names first; then those that have it at the start of a later word. */
export function rankEmoji(names: Iterable<EmojiName>, query: string, limit: number): EmojiName[] {
  const found: { entry: EmojiName; score: number }[] = [];
  for (const entry of names) {
    const at = entry.name.startsWith(query) ? 0 : entry.name.indexOf(`_${query}`);
    if (at >= 0) found.push({ entry, score: at === 0 ? 0 : 1 });
  }
  found.sort((a, b) => a.score - b.score || a.entry.name.length - b.entry.name.length || (a.entry.name < b.entry.name ? -1 : 1));
  const seen = new Set<string>();
  return found.map((f) => f.entry).filter((e) => !seen.has(e.emoji) && seen.add(e.emoji)).slice(0, limit);
}
