/** Who is to be told of what: rules without a browser. */
import type { Happenings, Id, Place } from "@/client";

/** Of which messages of a place the user wants to hear. */
export type Level = "all" | "mentions" | "none";

export const levels: readonly Level[] = ["all", "mentions", "none"];

/** What is so when a message arrives. */
export interface Circumstances {
  /** The user wants notifications, and the browser allows them. */
  allowed: boolean;
  level: Level;
  /** The place is in front of the user's eyes, in whatever window. */
  shown: boolean;
}

/** What a place has unless the user says otherwise: a channel speaks up when it mentions the user, a person always. */
export function defaultLevel(place: Place): Level {
  return place.kind === "direct" ? "all" : "mentions";
}

/** Whether the user is told of a message with a notification of the desktop. */
export function isTold(happening: Happenings["message"], { allowed, level, shown }: Circumstances): boolean {
  if (!allowed || shown || level === "none") return false;
  return level === "all" || happening.place.kind === "direct" || happening.mentionsMe;
}

/** How many things wait for the user in person: unread personal messages, and mentions, but for places that are to be silent. */
export function waitingFor(
  groups: readonly { channels: readonly { id: Id; mentions: number }[] }[],
  chats: readonly { user: { id: Id }; unread: number }[],
  levelOf: (place: Place) => Level,
): number {
  const counts = [
    ...groups.flatMap((g) => g.channels).map((c) => ({ place: { kind: "channel", id: c.id } as const, count: c.mentions })),
    ...chats.map((c) => ({ place: { kind: "direct", id: c.user.id } as const, count: c.unread })),
  ];
  return counts.reduce((sum, { place, count }) => (count > 0 && levelOf(place) !== "none" ? sum + count : sum), 0);
}
