import type { Mentions, User } from "@/client";

import type { Inline } from "./nodes";

/** Where a name may be called: not within words, addresses and paths. Longer names there are none. */
const call = /(?<![\p{L}\p{N}_@./-])@[a-z0-9][a-z0-9_.-]{0,63}/giu;

/** Splits a text at what may be mentions. Who is mentioned in fact, the server says with the message. */
export function splitMentions(text: string): Inline[] {
  if (!text.includes("@")) return [{ type: "text", text }];
  const parts: Inline[] = [];
  let end = 0;
  for (const match of text.matchAll(call)) {
    if (match.index > end) parts.push({ type: "text", text: text.slice(end, match.index) });
    parts.push({ type: "mention", name: match[0].slice(1) });
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push({ type: "text", text: text.slice(end) });
  return parts;
}

/** Somebody that a message mentions, or everybody who reads the channel. */
export interface Mentioned {
  /** Without the @. */
  shown: string;
  /** The username; of everybody there is none. */
  username?: string;
  /** Whether it is for whoever looks at it. */
  mine: boolean;
  /** What of the name as it was written is punctuation. */
  rest: string;
}

/** Finds whom a name in a message mentions by what the server says of it: the whole name, or without the punctuation at its end. */
export function mentioned(name: string, mentions: Mentions | undefined, user: (id: number) => User | undefined, me: number | undefined): Mentioned | undefined {
  if (!mentions) return undefined;
  const whole = name.toLowerCase();
  const bare = whole.replace(/[._-]+$/, "");
  if (mentions.channel && bare === "channel") return { shown: "channel", mine: true, rest: name.slice(bare.length) };
  const people = (mentions.users ?? []).flatMap((id) => user(id) ?? []);
  for (const written of new Set([whole, bare])) {
    const person = people.find((p) => p.username.toLowerCase() === written);
    if (person) return { shown: person.displayName, username: person.username, mine: person.id === me, rest: name.slice(written.length) };
  }
  return undefined;
}

/** Whether a message is for somebody: it mentions them, or everybody. */
export function mentionsUser(mentions: Mentions | undefined, id: number | undefined): boolean {
  return mentions !== undefined && id !== undefined && (mentions.channel === true || (mentions.users?.includes(id) ?? false));
}
