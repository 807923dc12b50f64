import type { ChannelMessage, Id } from "@/client";

/**
 * The pinned messages of a channel as they are now, the one pinned last first: what was fetched, and what the messages at hand say, which are
 * the newer truth.
 */
export function mergePins(fetched: readonly ChannelMessage[], atHand: readonly ChannelMessage[]): ChannelMessage[] {
  const all = new Map<Id, ChannelMessage>([...fetched, ...atHand].map((m) => [m.messageId, m]));
  return [...all.values()]
    .filter((m) => m.pinnedAt !== undefined && m.deletedAt === undefined)
    .sort((a, b) => Date.parse(b.pinnedAt ?? "") - Date.parse(a.pinnedAt ?? "") || b.messageId - a.messageId);
}
