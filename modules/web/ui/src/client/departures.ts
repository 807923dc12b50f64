/** What goes when the user may see something no longer. */
import type { Happenings } from "./parley.js";
import type { Group, Id, OpenChannel } from "./types.js";
import type { World } from "./world.js";

/** A group is gone, for the user or for everybody. */
export function leaveGroup(w: World, groupId: Id, reason: Happenings["left"]["reason"]): void {
  const group = w.groups.remove(groupId);
  if (group) forgetGroup(w, group, reason);
}

/** Forgets what belonged to a group that is off the list. */
export function forgetGroup(w: World, group: Group, reason: Happenings["left"]["reason"]): void {
  w.members.remove(group.id);
  for (const channel of group.channels) forgetMessages(w, channel.id);
  if (!w.leaving.delete(`g${group.id}`)) w.changes.happen("left", { groupId: group.id, name: group.name, reason });
}

/** A channel is gone, for the user or for everybody. */
export function leaveChannel(w: World, channelId: Id): void {
  const channel = w.groups.removeChannel(channelId);
  if (channel) forgetChannel(w, channel);
}

/** Forgets what belonged to a channel that is off the list. */
export function forgetChannel(w: World, { id, groupId, name }: OpenChannel): void {
  forgetMessages(w, id);
  if (!w.leaving.delete(`c${id}`)) w.changes.happen("channel-gone", { groupId, channelId: id, name });
}

function forgetMessages(w: World, channelId: Id): void {
  w.rooms.remove(`c${channelId}`);
  w.reports.forget(`c${channelId}`);
  w.changes.note(`c${channelId}`);
}
