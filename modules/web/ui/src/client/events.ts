/** What events change, by the rules of the API's documentation. */
import { leaveChannel, leaveGroup } from "./departures.js";
import { deleted, edited, isOfChannel, mentions, pinned, reacted, withReplies, type Kept } from "./messages.js";
import type { Message, PlaceKey } from "./parley.js";
import { placeOf } from "./places.js";
import type { Room } from "./room.js";
import type { ChannelMessage, Id, Member, PersonalMessage } from "./types.js";
import { keyOfEvent, type ChannelStatus, type Failed, type Heard, type Named, type PersonalStatus, type ReadCursor } from "./wire.js";
import type { World } from "./world.js";

/** Applies one event after the other. */
export class Events {
  readonly #w: World;

  constructor(world: World) {
    this.#w = world;
  }

  apply(event: Heard): void {
    switch (event.name) {
      case "GROUP_MESSAGE_SENT":
      case "GROUP_MESSAGE_RECEIVE":
        { this.#posted(event.payload); return; }
      case "PERSONAL_MESSAGE_SENT":
      case "PERSONAL_MESSAGE_RECEIVE":
        { this.#personal(event.payload); return; }
      case "GROUP_MESSAGE_UPDATED":
        { this.#changed(event.payload, (old) => edited(old, event.payload)); return; }
      case "GROUP_MESSAGE_DELETED":
        { this.#changed(event.payload, (old) => deleted(old, event.payload)); return; }
      case "GROUP_MESSAGE_REACTION":
        { this.#changed(event.payload, (old) => reacted(old, event.payload, this.#w.me)); return; }
      case "GROUP_MESSAGE_PINNED":
        { this.#changed(event.payload, (old) => pinned(old, event.payload)); return; }
      case "GROUP_MESSAGE_FAILED":
      case "PERSONAL_MESSAGE_FAILED":
        { this.#failed(event.payload); return; }
      case "GROUP_MESSAGE_STATUS":
        { this.#status(event.payload); return; }
      case "PERSONAL_MESSAGE_STATUS":
        { this.#personalStatus(event.payload); return; }
      case "READ_CURSOR":
        { this.#read(event.payload); return; }
      case "TYPING":
        { this.#typing(event.payload); return; }
      case "PRESENCE":
        { this.#w.presence.heard(event.payload); return; }
      default:
        { this.#regrouped(event); return; }
    }
  }

  #regrouped(event: Heard): void {
    const w = this.#w;
    switch (event.name) {
      case "GROUP_JOINED":
        w.groups.add(event.payload.group);
        w.members.outdated(event.payload.group.id);
        { this.#opened(); return; }
      case "CHANNEL_CREATED":
        w.groups.addChannel(event.payload.channel);
        { this.#opened(); return; }
      case "GROUP_LEFT":
        { leaveGroup(w, event.payload.groupId, event.payload.reason); return; }
      case "GROUP_DELETED":
        { leaveGroup(w, event.payload.groupId, "deleted"); return; }
      case "GROUP_UPDATED":
        { w.groups.describe(event.payload.group); return; }
      case "CHANNEL_UPDATED": {
        const { id, name, topic } = event.payload.channel;
        w.groups.updateChannel(id, { name, topic }); return;
      }
      case "CHANNEL_DELETED":
        { leaveChannel(w, event.payload.channelId); return; }
      case "MEMBER_JOINED":
      case "MEMBER_UPDATED":
        { member(w, event.payload.groupId, event.payload.member.user.id, event.payload.member); return; }
      case "MEMBER_LEFT":
        { member(w, event.payload.groupId, event.payload.userId, undefined); return; }
      default: // of a later version of the server
    }
  }

  /** There is something new to be read: it may have been told of late, so what was missed since is fetched. */
  #opened(): void {
    void this.#w.sync.catchUp().catch(() => undefined); // the sign-in is over
  }

  #posted(message: ChannelMessage): void {
    this.#w.typing.ended(message.channelId, message.senderId);
    this.#next(`c${message.channelId}`, message);
  }

  #personal(message: PersonalMessage): void {
    const { me, chats } = this.#w;
    const other = message.senderId === me ? message.receiverId : message.senderId;
    this.#next(`d${other}`, message);
    chats.latest(other, message);
  }

  /** Takes the next message of a place. A repeat is no news; after a jump, what is missing is fetched. */
  #next(key: PlaceKey, message: Message): void {
    const { me, ledger, outbox, sync, rooms, reports, changes } = this.#w;
    const cursor = ledger.get(key);
    const place = placeOf(key);
    const mine = message.senderId === me;
    if (!cursor && place.kind === "direct") sync.about(key, message.seq - 1); // the first of a chat, or one that is not listed
    const due = cursor ? cursor.lastSeq + 1 : message.seq;
    if (message.seq === due && (cursor || place.kind === "direct")) {
      ledger.next(key, message);
      this.#show(key, message);
      if (!mine) {
        reports.report("MESSAGE_DELIVERED", key, message.seq);
        changes.happen("message", { place, message, mentionsMe: mentions(message, me) });
      }
    } else if (message.seq > due && cursor) sync.about(key);
    if (mine) outbox.confirm(key, message.hash, message.seq);
    else if (rooms.get(key)) outbox.settle(key);
  }

  #show(key: PlaceKey, message: Message): void {
    const { rooms, sync, changes } = this.#w;
    const room = rooms.get(key);
    if (!room?.loaded) return;
    if (room.live && !room.live.append(message) && room.live.last < message.seq) sync.about(key);
    if (isOfChannel(message)) this.#count(room, message.threadId, 1);
    changes.note(key);
  }

  /** Counts replies at the first message of a thread, if that is here. */
  #count(room: Room, threadId: Id | undefined, more: number): void {
    const root = threadId === undefined ? undefined : room.find(threadId);
    if (root && isOfChannel(root)) room.replace(withReplies(root, more));
  }

  /** Changes a message that is here. Others are fetched as they are then. A deleted one does not change any more. */
  #changed(event: Named, how: (old: Kept) => Kept): void {
    const { ledger, rooms, sync, changes } = this.#w;
    const key = `c${event.channelId}` as const;
    const cursor = ledger.get(key);
    const room = rooms.get(key);
    const before = room?.at(event.seq);
    if (!cursor || event.seq > cursor.lastSeq) return;
    if (!room || !before || !isOfChannel(before)) {
      // What it was, and what it counted for, only the server knows.
      const counted = "content" in event || "deletedAt" in event;
      if (counted && (event.seq > cursor.readSeq || room?.loaded)) sync.about(key);
      return;
    }
    if (before.deletedAt) return;
    const after = how(before);
    room.replace(after);
    ledger.replaced(key, before, after);
    if (after.deletedAt) this.#count(room, before.threadId, -1);
    changes.note(key);
  }

  #failed(event: Failed): void {
    this.#w.outbox.fail(keyOfEvent(event), event.hash, event.code, event.detail);
  }

  #status({ channelId, status, upToSeq, userId, users, count }: ChannelStatus): void {
    const { rooms, changes } = this.#w;
    const room = rooms.get(`c${channelId}`);
    if (!room) return;
    if (count !== undefined) {
      if ((room.counts[status]?.upToSeq ?? 0) > upToSeq) return;
      room.counts = { ...room.counts, [status]: { upToSeq, count } };
    } else {
      const told = users ?? (userId === undefined ? [] : [{ userId, upToSeq }]);
      if (!room.advance(told.map((one) => [one.userId, progress(status, one.upToSeq)]))) return;
    }
    changes.note(room.key);
  }

  #personalStatus({ userId, status, upToSeq, at }: PersonalStatus): void {
    const { chats, changes } = this.#w;
    chats.advanceOther(userId, {
      deliveredSeq: upToSeq, deliveredAt: at, ...(status === "READ" ? { readSeq: upToSeq, readAt: at } : {}),
    });
    changes.note(`d${userId}`);
  }

  #read(event: ReadCursor): void {
    const { me, ledger, sync, chats } = this.#w;
    const key = keyOfEvent(event);
    if (!ledger.read(key, event.readSeq, event)) sync.about(key);
    // In the chat with oneself, both sides are oneself.
    if (event.userId === me) chats.advanceOther(me, { deliveredSeq: event.readSeq, readSeq: event.readSeq });
  }

  #typing({ channelId, userId, typing, expiresInMs = 0 }: { channelId: Id; userId: Id; typing: boolean; expiresInMs?: number }): void {
    if (userId === this.#w.me) return;
    if (typing) this.#w.typing.heard(channelId, userId, expiresInMs);
    else this.#w.typing.ended(channelId, userId);
  }
}

/** Takes what somebody is in a group. Of oneself, it is also the group's role. */
export function member(w: World, groupId: Id, userId: Id, is: Member | undefined): void {
  if (is && userId === w.me) w.groups.setRole(groupId, is.role);
  w.members.set(groupId, userId, is);
}

function progress(status: "DELIVERED" | "READ", seq: number): { deliveredSeq?: number; readSeq?: number } {
  return status === "READ" ? { readSeq: seq } : { deliveredSeq: seq };
}
