import type { RouteLocationRaw } from "vue-router";

import type { Group } from "@/client";

/** The way to the first channel of a group that the user may read; undefined if there is none. */
export function firstChannel(group: Group | undefined): RouteLocationRaw | undefined {
  const channel = group?.channels[0];
  return group && channel && { name: "channel", params: { groupId: group.id, channelId: channel.id } };
}
