import type { Id } from "../types.js";
import type { MissedChannel, MissedChat, SyncRequest } from "../wire.js";

import { ServerState, type ServerChannel } from "./state.js";

/** A server that tells clients what they have missed. */
export abstract class CatchingUp extends ServerState {
  /** What /sync answers. */
  sync(userId: Id, request: SyncRequest): unknown {
    const channels: Record<string, MissedChannel> = {};
    const direct: Record<string, MissedChat> = {};
    const gone: Id[] = [];
    const next: SyncRequest = { channels: {}, direct: {}, more: true };
    const readable = new Set(this.channelsOf(userId));
    for (const [id, after] of Object.entries(request.channels ?? {})) {
      if (!readable.has(Number(id))) gone.push(Number(id));
      else {
        const missed = (channels[id] = this.missed(this.channel(Number(id)), userId, after));
        if (missed.hasMore) next.channels![id] = missed.messages.at(-1)!.seq;
      }
    }
    for (const [id, after] of Object.entries(request.direct ?? {})) {
      const missed = (direct[id] = this.missedChat(userId, Number(id), after));
      if (missed.hasMore) next.direct![id] = missed.messages.at(-1)!.seq;
    }
    const more = Object.keys(next.channels!).length + Object.keys(next.direct!).length > 0;
    return { channels, direct, gone, ...(request.more ? {} : this.lists(userId, request.since)), ...(more ? { next } : {}) };
  }

  lists(userId: Id, since: string | undefined): object {
    const mine = new Set(this.groupsFor(userId).map((g) => g.id));
    const known = since === undefined ? undefined : Number(since);
    const changed = this.memberChanges.filter((c) => known !== undefined && c.version > known && mine.has(c.groupId));
    return {
      groups: this.groupsFor(userId),
      members: changed.map((c) => ({ ...c, ...(this.theGroup(c.groupId).members.has(c.userId) ? { member: this.member(c.groupId, c.userId) } : {}) })),
      memberLists: known === undefined ? [...mine] : [], chats: this.chatsFor(userId).slice(0, 100), moreChats: this.chatsFor(userId).length > 100, token: String(this.memberVersion),
    };
  }

  missed(channel: ServerChannel, userId: Id, after: number): MissedChannel {
    const all = this.history(channel.id, userId);
    const messages = all.slice(after, after + this.most);
    const roots = new Set(messages.map((m) => m.threadId));
    const changes = all.slice(0, after).filter((m) => (channel.changedAt.get(m.seq) ?? -1) >= after || roots.has(m.messageId)
      || all.some((reply) => reply.threadId === m.messageId && (channel.changedAt.get(reply.seq) ?? -1) >= after));
    const { lastSeq, readSeq, unread, mentions } = this.openFor(channel, userId);
    return {
      messages, hasMore: after + messages.length < all.length, changes, moreChanges: false, ...(after > all.length ? { reset: true } : {}),
      lastSeq, readSeq, deliveredSeq: channel.delivered.get(userId) ?? 0, unread, mentions,
    };
  }

  /** How many messages of a place an answer has. */
  most = 200;

  missedChat(userId: Id, other: Id, after: number): MissedChat {
    const chat = this.chat(userId, other);
    const messages = chat.messages.slice(after, after + this.most);
    return {
      messages, hasMore: after + messages.length < chat.messages.length, ...(after > chat.messages.length ? { reset: true } : {}),
      ...(chat.messages.length > 0 ? { chat: this.chatFor(chat, userId) } : {}),
    };
  }
}
