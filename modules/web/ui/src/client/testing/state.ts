/** What a server in memory keeps, and what it tells of it when something happens. */
import { without } from "../records.js";
import type { ChannelMessage, Chat, Group, Id, Member, PersonalMessage, Role, User } from "../types.js";
import type { Deleted } from "../wire.js";

import { at } from "./people.js";

export interface ServerChannel {
  id: Id;
  groupId: Id;
  name: string;
  topic: string;
  messages: ChannelMessage[];
  /** How far the channel was at the latest change of a message, by its seq. */
  changedAt: Map<number, number>;
  read: Map<Id, number>;
  delivered: Map<Id, number>;
}

export interface ServerGroup {
  id: Id;
  name: string;
  members: Map<Id, Role>;
  channels: Map<Id, ServerChannel>;
}

export interface ServerChat {
  id: Id;
  users: [Id, Id];
  messages: PersonalMessage[];
  read: Map<Id, number>;
  delivered: Map<Id, number>;
}

/** Groups, channels, chats, and what is said there. */
export abstract class ServerState {
  readonly users = new Map<Id, User>();
  readonly groups = new Map<Id, ServerGroup>();
  readonly chats: ServerChat[] = [];
  /** Whose membership has changed, in the order of the changes. */
  protected readonly memberChanges: { version: number; groupId: Id; userId: Id }[] = [];
  protected memberVersion = 0;
  /** The latest id that was given to anything. */
  protected ids = 100;

  /** Tells all connections of a user. */
  abstract tell(userId: Id, event: string, payload: unknown): void;

  /** Makes a user whose password is "password". */
  addUser(id: Id, username: string): User {
    const user = { id, username, displayName: username, createdAt: at(0) };
    this.users.set(id, user);
    return user;
  }

  /** Makes a group with a channel. */
  addGroup(id: Id, name: string, members: readonly Id[], channels: readonly Id[]): ServerGroup {
    const group: ServerGroup = { id, name, members: new Map(), channels: new Map() };
    this.groups.set(id, group);
    members.forEach((userId, i) => group.members.set(userId, i === 0 ? "owner" : "member"));
    for (const channelId of channels) this.addChannel(id, channelId);
    return group;
  }

  addChannel(groupId: Id, id: Id): ServerChannel {
    const channel: ServerChannel = {
      id, groupId, name: `channel-${id}`, topic: "", messages: [], changedAt: new Map(), read: new Map(), delivered: new Map(),
    };
    this.theGroup(groupId).channels.set(id, channel);
    return channel;
  }

  /** A channel is created while clients listen. */
  createChannel(groupId: Id, id: Id): void {
    this.addChannel(groupId, id);
    for (const userId of this.theGroup(groupId).members.keys()) this.tell(userId, "CHANNEL_CREATED", { channel: this.openFor(this.channel(id), userId) });
  }

  channel(id: Id): ServerChannel {
    for (const group of this.groups.values()) {
      const channel = group.channels.get(id);
      if (channel) return channel;
    }
    throw new Error(`no channel ${id}`);
  }

  /** Puts messages into a channel without telling anybody. */
  fill(channelId: Id, senderId: Id, count: number): void {
    for (let i = 0; i < count; i++) this.keep(this.channel(channelId), senderId, `filled ${this.channel(channelId).messages.length + 1}`, `fill-${this.ids}`);
  }

  /** Somebody posts in a channel. */
  post(channelId: Id, senderId: Id, content: string, more: { hash?: string; replyTo?: Id } = {}): ChannelMessage {
    const channel = this.channel(channelId);
    const message = this.keep(channel, senderId, content, more.hash ?? `h${++this.ids}`, more.replyTo);
    this.publish(channel, senderId, message);
    return message;
  }

  /** Keeps a message, as the next one of its channel. */
  keep(channel: ServerChannel, senderId: Id, content: string, hash: string, replyTo?: Id): ChannelMessage {
    const answered = replyTo === undefined ? undefined : channel.messages.find((m) => m.messageId === replyTo);
    const message: ChannelMessage = {
      messageId: ++this.ids, groupId: channel.groupId, channelId: channel.id, seq: channel.messages.length + 1, senderId, content, hash, createdAt: at(this.ids),
      ...(answered ? { replyTo: answered.messageId, threadId: answered.threadId ?? answered.messageId } : {}),
      ...this.#mentioned(senderId, content),
    };
    channel.messages.push(message);
    return message;
  }

  #mentioned(senderId: Id, content: string): { mentions?: { users: Id[] } } {
    const users = [...this.users.values()].filter((u) => u.id !== senderId && content.includes(`@${u.username}`)).map((u) => u.id);
    return users.length > 0 ? { mentions: { users } } : {};
  }

  edit(channelId: Id, seq: number, content: string): ChannelMessage {
    const message = this.change(channelId, seq, (old) => ({
      ...without(old, "mentions"), content, editedAt: at(++this.ids), ...this.#mentioned(old.senderId, content),
    }));
    this.toChannel(channelId, "GROUP_MESSAGE_UPDATED", { ...message, reactions: undefined });
    return message;
  }

  remove(channelId: Id, seq: number, by: Id): void {
    const { messageId, groupId, deletedAt: gone } = this.channel(channelId).messages[seq - 1]!;
    if (gone) return;
    const deletedAt = at(++this.ids);
    this.change(channelId, seq, (old) => ({ ...without(old, "editedAt", "mentions", "reactions", "pinnedAt", "pinnedBy"), content: "", deletedAt }));
    this.toChannel(channelId, "GROUP_MESSAGE_DELETED", { groupId, channelId, messageId, seq, deletedBy: by, deletedAt } satisfies Deleted);
  }

  react(channelId: Id, seq: number, userId: Id, emoji: string, on: boolean): void {
    const old = this.channel(channelId).messages[seq - 1]!;
    const before = old.reactions?.find((r) => r.emoji === emoji);
    if (old.deletedAt || (before?.userIds.includes(userId) ?? false) === on) return;
    const userIds = on ? [...(before?.userIds ?? []), userId] : before!.userIds.filter((id) => id !== userId);
    const reaction = { emoji, count: userIds.length, mine: false, userIds };
    const reactions = before
      ? old.reactions!.flatMap((r) => (r === before ? (userIds.length > 0 ? [reaction] : []) : [r]))
      : [...(old.reactions ?? []), reaction];
    const { groupId, messageId } = this.change(channelId, seq, (old) => ({ ...without(old, "reactions"), ...(reactions.length > 0 ? { reactions } : {}) }));
    this.toChannel(channelId, "GROUP_MESSAGE_REACTION", { groupId, channelId, messageId, seq, userId, emoji, added: on, count: userIds.length, at: at(0) });
  }

  personal(senderId: Id, receiverId: Id, content: string, hash = `h${++this.ids}`): PersonalMessage {
    const chat = this.chat(senderId, receiverId);
    const message: PersonalMessage = {
      messageId: ++this.ids, chatId: chat.id, seq: chat.messages.length + 1, senderId, receiverId, content, hash, createdAt: at(this.ids),
    };
    chat.messages.push(message);
    this.tell(senderId, "PERSONAL_MESSAGE_SENT", message);
    if (receiverId !== senderId) this.tell(receiverId, "PERSONAL_MESSAGE_RECEIVE", message);
    return message;
  }

  chat(one: Id, other: Id): ServerChat {
    const users: [Id, Id] = one < other ? [one, other] : [other, one];
    let chat = this.chats.find((c) => c.users[0] === users[0] && c.users[1] === users[1]);
    if (!chat) this.chats.push((chat = { id: ++this.ids, users, messages: [], read: new Map(), delivered: new Map() }));
    return chat;
  }

  join(groupId: Id, userId: Id): void {
    this.theGroup(groupId).members.set(userId, "member");
    this.memberChanged(groupId, userId);
    this.toGroup(groupId, "MEMBER_JOINED", { groupId, member: this.member(groupId, userId) });
    this.tell(userId, "GROUP_JOINED", { group: this.groupFor(groupId, userId) });
  }

  leave(groupId: Id, userId: Id, reason: "left" | "removed" | "banned"): void {
    this.theGroup(groupId).members.delete(userId);
    this.memberChanged(groupId, userId);
    this.tell(userId, "GROUP_LEFT", { groupId, reason });
    this.toGroup(groupId, "MEMBER_LEFT", { groupId, userId, reason });
  }

  /** A backup of an earlier time is restored: what came later is gone. */
  restore(channelId: Id, seq: number): void {
    const channel = this.channel(channelId);
    channel.messages.splice(seq);
    for (const userId of channel.read.keys()) channel.read.set(userId, Math.min(seq, channel.read.get(userId)!));
  }

  /** What /groups says of a group. */
  groupFor(groupId: Id, userId: Id): Group {
    const group = this.theGroup(groupId);
    return {
      id: groupId, name: group.name, description: "", createdAt: at(0), role: group.members.get(userId) ?? "member",
      channels: [...group.channels.values()].map((c) => this.openFor(c, userId)),
    };
  }

  groupsFor(userId: Id): Group[] {
    return [...this.groups.values()].filter((g) => g.members.has(userId)).map((g) => this.groupFor(g.id, userId));
  }

  chatsFor(userId: Id): Chat[] {
    return this.chats.filter((c) => c.users.includes(userId) && c.messages.length > 0).map((c) => this.chatFor(c, userId))
      .sort((a, b) => b.lastMessage.messageId - a.lastMessage.messageId);
  }

  /** Messages as a user sees them. */
  history(channelId: Id, userId: Id): ChannelMessage[] {
    return this.channel(channelId).messages.map((m) => this.seenBy(channelId, m, userId));
  }

  channelsOf(userId: Id): Id[] {
    return this.groupsFor(userId).flatMap((g) => g.channels).map((c) => c.id);
  }

  protected openFor(channel: ServerChannel, userId: Id): Group["channels"][number] {
    const readSeq = channel.read.get(userId) ?? 0;
    const unread = channel.messages.filter((m) => m.seq > readSeq && m.senderId !== userId && !m.deletedAt);
    const { id, groupId, name, topic } = channel;
    return {
      id, groupId, name, topic, private: false, lastSeq: channel.messages.length, createdAt: at(0), readSeq, unread: unread.length,
      mentions: unread.filter((m) => m.mentions?.users?.includes(userId)).length,
    };
  }

  protected chatFor(chat: ServerChat, userId: Id): Chat {
    const other = chat.users[0] === userId ? chat.users[1] : chat.users[0];
    const readSeq = chat.read.get(userId) ?? 0;
    return {
      chatId: chat.id, user: this.users.get(other)!, lastSeq: chat.messages.length, readSeq,
      unread: chat.messages.filter((m) => m.seq > readSeq && m.senderId !== userId).length,
      other: { deliveredSeq: chat.delivered.get(other) ?? 0, readSeq: chat.read.get(other) ?? 0 }, blocked: false, lastMessage: chat.messages.at(-1)!,
    };
  }

  protected seenBy(channelId: Id, message: ChannelMessage, userId: Id): ChannelMessage {
    const replies = this.channel(channelId).messages.filter((m) => m.threadId === message.messageId && !m.deletedAt).length;
    return {
      ...message, ...(replies > 0 ? { replies } : {}),
      ...(message.reactions ? { reactions: message.reactions.map((r) => ({ ...r, mine: r.userIds.includes(userId) })) } : {}),
    };
  }

  protected member(groupId: Id, userId: Id): Member {
    return { user: this.users.get(userId)!, role: this.theGroup(groupId).members.get(userId)!, joinedAt: at(0) };
  }

  protected theGroup(id: Id): ServerGroup {
    const group = this.groups.get(id);
    if (!group) throw new Error(`no group ${id}`);
    return group;
  }

  protected change(channelId: Id, seq: number, how: (old: ChannelMessage) => ChannelMessage): ChannelMessage {
    const channel = this.channel(channelId);
    channel.changedAt.set(seq, channel.messages.length);
    return (channel.messages[seq - 1] = how(channel.messages[seq - 1]!));
  }

  protected memberChanged(groupId: Id, userId: Id): void {
    this.memberChanges.push({ version: ++this.memberVersion, groupId, userId });
  }

  protected progress(userId: Id, status: "READ" | "DELIVERED", { channelId, userId: other, seq }: { channelId?: Id; userId?: Id; seq: number }): void {
    const place = channelId === undefined ? this.chat(userId, other!) : this.channel(channelId);
    const forwards = (of: Map<Id, number>): boolean => seq > (of.get(userId) ?? 0) && Boolean(of.set(userId, Math.min(seq, place.messages.length)));
    const delivered = forwards(place.delivered);
    const read = status === "READ" && forwards(place.read);
    if (!delivered && !read) return;
    if (channelId === undefined) {
      if (other !== userId) this.tell(other!, "PERSONAL_MESSAGE_STATUS", { userId, status, upToSeq: seq, at: at(0) });
      if (read) this.tell(userId, "READ_CURSOR", { userId: other, readSeq: seq, unread: this.chatFor(place as ServerChat, userId).unread });
      return;
    }
    this.toGroup(this.channel(channelId).groupId, "GROUP_MESSAGE_STATUS", { channelId, userId, status, upToSeq: seq, at: at(0) }, userId);
    if (!read) return;
    const { readSeq, unread, mentions } = this.openFor(this.channel(channelId), userId);
    this.tell(userId, "READ_CURSOR", { channelId, readSeq, unread, mentions });
  }

  protected publish(channel: ServerChannel, senderId: Id, message: ChannelMessage): void {
    for (const userId of this.theGroup(channel.groupId).members.keys()) {
      this.tell(userId, userId === senderId ? "GROUP_MESSAGE_SENT" : "GROUP_MESSAGE_RECEIVE", message);
    }
  }

  protected toChannel(channelId: Id, event: string, payload: unknown): void {
    this.toGroup(this.channel(channelId).groupId, event, payload);
  }

  protected toGroup(groupId: Id, event: string, payload: unknown, but?: Id): void {
    for (const userId of this.theGroup(groupId).members.keys()) if (userId !== but) this.tell(userId, event, payload);
  }
}
