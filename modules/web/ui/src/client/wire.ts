/** What the server says to a client that keeps a copy: answers to /sync, and events. */
import type { PlaceKey } from "./parley.js";
import type {
  Channel, ChannelMessage, Chat, Group, GroupInfo, Id, Member, OpenChannel, PersonalMessage, Presence, Time,
} from "./types.js";

/** What a client has. Ids are keys. */
export interface SyncRequest {
  channels?: Record<string, number>;
  direct?: Record<string, number>;
  since?: string;
  changes?: Record<string, string>;
  more?: boolean;
}

export interface MissedChannel {
  messages: ChannelMessage[];
  hasMore: boolean;
  changes: ChannelMessage[];
  moreChanges: boolean;
  reset?: true;
  lastSeq: number;
  readSeq: number;
  deliveredSeq: number;
  unread: number;
  mentions: number;
}

export interface MissedChat {
  messages: PersonalMessage[];
  hasMore: boolean;
  reset?: true;
  chat?: Chat;
}

/** An answer to /sync. The lists come with a token only. */
export interface Missed {
  channels: Record<string, MissedChannel>;
  gone: Id[];
  direct: Record<string, MissedChat>;
  groups?: Group[];
  members?: { groupId: Id; userId: Id; member?: Member }[];
  memberLists?: Id[];
  chats?: Chat[];
  moreChats?: boolean;
  token?: string;
  next?: SyncRequest;
}

/** What events name a message by. */
export interface Named {
  groupId: Id;
  channelId: Id;
  messageId: Id;
  seq: number;
}

export interface Deleted extends Named {
  deletedBy: Id;
  deletedAt: Time;
}

export interface Reacted extends Named {
  userId: Id;
  emoji: string;
  added: boolean;
  count: number;
  at: Time;
}

export interface Pinned extends Named {
  userId: Id;
  pinned: boolean;
  at: Time;
}

export interface Failed {
  hash: string;
  /** In a channel, or else in the chat with userId. */
  channelId?: Id;
  userId?: Id;
  code: string;
  detail: string;
}

export interface ChannelStatus {
  channelId: Id;
  status: "DELIVERED" | "READ";
  upToSeq: number;
  at: Time;
  userId?: Id;
  users?: { userId: Id; upToSeq: number }[];
  count?: number;
}

export interface PersonalStatus {
  userId: Id;
  status: "DELIVERED" | "READ";
  upToSeq: number;
  at: Time;
}

export interface ReadCursor {
  /** In a channel, or else in the chat with userId. */
  channelId?: Id;
  userId?: Id;
  readSeq: number;
  unread: number;
  mentions?: number;
}

/** Events by their names. */
export interface Events {
  SUBSCRIBED: { groupIds: Id[]; channelIds: Id[] };
  GROUP_MESSAGE_SENT: ChannelMessage;
  GROUP_MESSAGE_RECEIVE: ChannelMessage;
  GROUP_MESSAGE_UPDATED: ChannelMessage;
  GROUP_MESSAGE_DELETED: Deleted;
  GROUP_MESSAGE_REACTION: Reacted;
  GROUP_MESSAGE_PINNED: Pinned;
  GROUP_MESSAGE_FAILED: Failed;
  GROUP_MESSAGE_STATUS: ChannelStatus;
  GROUP_JOINED: { group: Group };
  GROUP_LEFT: { groupId: Id; reason: "left" | "removed" | "banned" };
  GROUP_UPDATED: { group: GroupInfo };
  GROUP_DELETED: { groupId: Id };
  MEMBER_JOINED: { groupId: Id; member: Member };
  MEMBER_UPDATED: { groupId: Id; member: Member };
  MEMBER_LEFT: { groupId: Id; userId: Id; reason: string };
  CHANNEL_CREATED: { channel: Channel & Partial<OpenChannel> };
  CHANNEL_UPDATED: { channel: Channel };
  CHANNEL_DELETED: { groupId: Id; channelId: Id };
  READ_CURSOR: ReadCursor;
  PERSONAL_MESSAGE_SENT: PersonalMessage;
  PERSONAL_MESSAGE_RECEIVE: PersonalMessage;
  PERSONAL_MESSAGE_STATUS: PersonalStatus;
  PERSONAL_MESSAGE_FAILED: Failed;
  TYPING: { channelId: Id; userId: Id; typing: boolean; expiresInMs?: number };
  PRESENCE: Presence;
  RESYNC: { reason: string };
  DRAIN: { reconnectInMs: number };
}

export type EventName = keyof Events;

/** An event that was heard. */
export type Heard = { [N in EventName]: { name: N; payload: Events[N] } }[EventName];

/** What the server acknowledges an event of the client with. */
export type Ack<T = unknown> = ({ ok: true } & T) | { ok: false; error: { code: string; title: string; detail: string } };

/** Where a receipt or a failure belongs. */
export function keyOfEvent(event: { channelId?: Id; userId?: Id }): PlaceKey {
  return event.channelId !== undefined ? `c${event.channelId}` : `d${event.userId ?? 0}`;
}
