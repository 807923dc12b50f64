import type { RouteLocationNormalizedLoaded, RouteLocationNamedRaw } from "vue-router";

import type { ChannelMessage, Id, Message, PersonalMessage, Place } from "@/client";

/** The place that a page shows, and null for pages that show none. */
export function placeOf(route: Pick<RouteLocationNormalizedLoaded, "name" | "params">): Place | null {
  if (route.name === "channel") return { kind: "channel", id: Number(route.params.channelId) };
  if (route.name === "direct") return { kind: "direct", id: Number(route.params.userId) };
  return null;
}

/** Whether a message is one of a channel, and not of a personal chat. */
export function isOfChannel(message: Message): message is Readonly<ChannelMessage> {
  return "channelId" in message;
}

/** The one with whom the user me has a personal message. */
export function partnerIn(message: Readonly<PersonalMessage>, me: Id): Id {
  return message.senderId === me ? message.receiverId : message.senderId;
}

/** The page that shows a message among those around it. */
export function routeTo(message: Message, me: Id): RouteLocationNamedRaw {
  const query = { seq: String(message.seq) };
  if (isOfChannel(message)) return { name: "channel", params: { groupId: String(message.groupId), channelId: String(message.channelId) }, query };
  return { name: "direct", params: { userId: String(partnerIn(message, me)) }, query };
}
