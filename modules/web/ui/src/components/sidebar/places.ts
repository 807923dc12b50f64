import type { RouteLocationRaw } from "vue-router";

import type { Chat, Group, Place, PlaceKey } from "@/client";
import type { Level } from "@/notify/rules";
import { keyOf } from "@/stores/parley";

/** A place as the sidebar lists it. */
export interface Entry {
  readonly key: PlaceKey;
  readonly place: Place;
  readonly name: string;
  /** The group of a channel. */
  readonly group?: Group;
  readonly private: boolean;
  readonly unread: number;
  readonly mentions: number;
  /** The user wants to hear nothing of it: it is never shown as unread. */
  readonly muted: boolean;
  readonly to: RouteLocationRaw;
}

type LevelOf = (place: Place) => Level;

/** The channels of a group, in the order of their names but for the first one ever, which stays in front. */
export function channelEntries(group: Group, levelOf: LevelOf): Entry[] {
  const [first, ...others] = group.channels;
  const sorted = first ? [first, ...others.sort((a, b) => a.name.localeCompare(b.name))] : [];
  return sorted.map((channel) => {
    const place = { kind: "channel", id: channel.id } as const;
    return {
      key: keyOf(place),
      place,
      name: channel.name,
      group,
      private: channel.private,
      unread: channel.unread,
      mentions: channel.mentions,
      muted: levelOf(place) === "none",
      to: { name: "channel", params: { groupId: group.id, channelId: channel.id } },
    };
  });
}

/** A personal chat. Everything that is unread in it is meant for the user in person. */
export function chatEntry(chat: Chat, levelOf: LevelOf): Entry {
  const place = { kind: "direct", id: chat.user.id } as const;
  return {
    key: keyOf(place),
    place,
    name: chat.user.displayName,
    private: false,
    unread: chat.unread,
    mentions: chat.unread,
    muted: levelOf(place) === "none",
    to: { name: "direct", params: { userId: chat.user.id } },
  };
}

/** All places from top to bottom, also those in collapsed groups. */
export function allEntries(groups: readonly Group[], chats: readonly Chat[], levelOf: LevelOf): Entry[] {
  return [...groups.flatMap((group) => channelEntries(group, levelOf)), ...chats.map((chat) => chatEntry(chat, levelOf))];
}

export function isUnread(entry: Entry): boolean {
  return entry.unread > 0 && !entry.muted;
}

/** The entry before (-1) or after (1) the current one that is wanted, beginning anew at the other end; undefined if there is none but the current. */
export function step(entries: readonly Entry[], current: PlaceKey | null, by: 1 | -1, wanted: (entry: Entry) => boolean = () => true): Entry | undefined {
  const count = entries.length;
  const from = entries.findIndex((entry) => entry.key === current);
  // From nowhere, forwards leads to the first one and backwards to the last one.
  const start = from === -1 && by === -1 ? count : from;
  for (let i = 1; i <= count; i++) {
    const entry = entries[(start + by * i + 2 * count) % count];
    if (entry && entry.key !== current && wanted(entry)) return entry;
  }
  return undefined;
}
