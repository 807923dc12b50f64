/** Requests whose answers change what is known here, before the events that say the same. */
import type { Api } from "./api.js";
import { leaveChannel, leaveGroup } from "./departures.js";
import { member } from "./events.js";
import type { Group, Id } from "./types.js";
import type { World } from "./world.js";

/** The API, of which the answers are also taken over into the world of whoever is signed in. */
export function knowing(api: Api, world: () => World | undefined): Api {
  /** Does something that ends a group or channel for the user, which is no news then. */
  const leave = async (kind: "g" | "c", id: Id, request: Promise<void>): Promise<void> => {
    const w = world();
    w?.leaving.add(`${kind}${id}`);
    try {
      await request;
      if (w && kind === "g") leaveGroup(w, id, "left");
      else if (w) leaveChannel(w, id);
    } finally {
      w?.leaving.delete(`${kind}${id}`);
    }
  };
  /** Takes over what an answer says. */
  const taking = async <T>(request: Promise<T>, take: (w: World, told: T) => void): Promise<T> => {
    const w = world();
    const told = await request;
    if (w && w === world()) take(w, told);
    return told;
  };
  const join = (w: World, group: Group): void => {
    // Until it is heard that the group is joined, something may be missed in it.
    if (w.groups.add(group)) void w.sync.catchUp().catch(() => undefined);
  };

  return {
    ...api,
    findUsers: (q, limit) => taking(api.findUsers(q, limit), (w, users) => w.users.learn(...users)),
    usersById: (ids) => taking(api.usersById(ids), (w, users) => w.users.learn(...users)),
    createGroup: (name, description) => taking(api.createGroup(name, description), join),
    acceptInvite: (code) => taking(api.acceptInvite(code), join),
    updateGroup: (id, change) => taking(api.updateGroup(id, change), (w, group) => w.groups.describe(group)),
    deleteGroup: (id) => leave("g", id, api.deleteGroup(id)),
    removeMember: (groupId, userId) => {
      const request = api.removeMember(groupId, userId);
      return userId === world()?.me ? leave("g", groupId, request) : request;
    },
    addMember: (groupId, userId, role) => taking(api.addMember(groupId, userId, role), (w, told) => member(w, groupId, userId, told)),
    setRole: (groupId, userId, role) => taking(api.setRole(groupId, userId, role), (w, told) => member(w, groupId, userId, told)),
    createChannel: (groupId, channel) => taking(api.createChannel(groupId, channel), (w, told) => void w.groups.addChannel(told)),
    updateChannel: (groupId, id, change) =>
      taking(api.updateChannel(groupId, id, change), (w, { name, topic }) => w.groups.updateChannel(id, { name, topic })),
    deleteChannel: (groupId, id) => leave("c", id, api.deleteChannel(groupId, id)),
    removeChannelMember: (groupId, id, userId) => {
      const request = api.removeChannelMember(groupId, id, userId);
      return userId === world()?.me ? leave("c", id, request) : request;
    },
    chats: (before) => taking(api.chats(before), (w, chats) => w.users.learn(...chats.map((c) => c.user))),
    block: (userId) => taking(api.block(userId), (w) => w.chats.update(userId, { blocked: true })),
    unblock: (userId) => taking(api.unblock(userId), (w) => w.chats.update(userId, { blocked: false })),
  };
}
