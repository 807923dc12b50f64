/** What becomes of messages. They are not changed but replaced. */
import type { Message } from "./parley.js";
import type { ChannelMessage, Id, Reaction } from "./types.js";
import { without } from "./records.js";
import type { Deleted, Pinned, Reacted } from "./wire.js";

export type Kept = Readonly<ChannelMessage>;

export function isOfChannel(message: Message): message is Kept {
  return "channelId" in message;
}

/** After GROUP_MESSAGE_UPDATED, or as the answer to an edit says. */
export function edited(old: Kept, told: ChannelMessage): Kept {
  return {
    ...without(old, "editedAt", "mentions"), content: told.content, ...(told.editedAt ? { editedAt: told.editedAt } : {}), ...(told.mentions ? { mentions: told.mentions } : {}),
  };
}

/** After GROUP_MESSAGE_DELETED: its place is left, and what it was in a thread. */
export function deleted(old: Kept, { deletedAt }: Deleted): Kept {
  return { ...without(old, "editedAt", "mentions", "reactions", "pinnedAt", "pinnedBy"), content: "", deletedAt };
}

/** After GROUP_MESSAGE_REACTION. */
export function reacted(old: Kept, told: Pick<Reacted, "emoji" | "userId" | "added" | "count">, me: Id): Kept {
  const all = [...(old.reactions ?? [])];
  const at = all.findIndex((r) => plain(r.emoji) === plain(told.emoji));
  const before: Reaction = all[at] ?? { emoji: told.emoji, count: 0, mine: false, userIds: [] };
  const others = before.userIds.filter((id) => id !== told.userId);
  const after: Reaction = {
    emoji: told.emoji,
    count: told.count,
    mine: told.userId === me ? told.added : before.mine,
    userIds: told.added && others.length < 10 ? [...others, told.userId] : others,
  };
  all.splice(at < 0 ? all.length : at, at < 0 ? 0 : 1, ...(told.count > 0 ? [after] : []));
  return withReactions(old, all);
}

/** An emoji that one puts oneself, or takes away, before the server has said so. */
export function willReact(old: Kept, emoji: string, on: boolean, me: Id): Kept {
  const before = old.reactions?.find((r) => plain(r.emoji) === plain(emoji));
  if ((before?.mine ?? false) === on) return old;
  const count = (before?.count ?? 0) + (on ? 1 : -1);
  return reacted(old, { emoji: before?.emoji ?? emoji, userId: me, added: on, count }, me);
}

/** After GROUP_MESSAGE_PINNED. */
export function pinned(old: Kept, told: Pinned): Kept {
  const rest = without(old, "pinnedAt", "pinnedBy");
  return told.pinned ? { ...rest, pinnedAt: told.at, pinnedBy: told.userId } : rest;
}

/** With some replies more in the thread that it begins. */
export function withReplies(old: Kept, more: number): Kept {
  const { replies = 0, ...rest } = old;
  return replies + more > 0 ? { ...rest, replies: replies + more } : rest;
}

/** Whether a message is one of those that are counted as unread, were it not read. */
export function counts(message: Message, me: Id): boolean {
  return message.senderId !== me && !(isOfChannel(message) && message.deletedAt);
}

export function mentions(message: Message, me: Id): boolean {
  return counts(message, me) && isOfChannel(message) && Boolean(message.mentions?.channel || message.mentions?.users?.includes(me));
}

function withReactions(old: Kept, reactions: Reaction[]): Kept {
  const rest = without(old, "reactions");
  return reactions.length > 0 ? { ...rest, reactions } : rest;
}

/** With and without U+FE0F, which asks for the colourful form, an emoji is the same. */
function plain(emoji: string): string {
  return emoji.replaceAll("\uFE0F", "");
}
