/**
 * What travels between Parley's server and its clients, as the server's documents describe it (/api/openapi.yaml and
 * /api/asyncapi.yaml). Ids are integers below 2^53, times are RFC 3339 in UTC.
 */

export type Id = number;
/** RFC 3339, UTC, with milliseconds. */
export type Time = string;
export type Role = "member" | "admin" | "owner";

export interface User {
  id: Id;
  username: string;
  displayName: string;
  createdAt: Time;
}

export interface Session {
  user: User;
  accessToken: string;
  refreshToken: string;
  /** When the access token expires. */
  expiresAt: Time;
}

/** A sign-in of the caller on some device. */
export interface SignIn {
  id: string;
  createdAt: Time;
  lastUsedAt: Time;
  userAgent: string;
  /** Whether it is the one that asks. */
  current: boolean;
}

/** What a server tells before anybody signs in. */
export interface ServerInfo {
  version: string;
  registration: "open" | "closed";
  /** Whether there is any account yet. */
  accounts: boolean;
  messageMaxLength: number;
  /** Whether people may write to each other who share no group. */
  directAnyone: boolean;
}

export interface GroupInfo {
  id: Id;
  name: string;
  description: string;
  createdAt: Time;
}

export interface Channel {
  id: Id;
  groupId: Id;
  name: string;
  topic: string;
  private: boolean;
  lastSeq: number;
  createdAt: Time;
}

/** A channel as one of its readers sees it. */
export interface OpenChannel extends Channel {
  readSeq: number;
  unread: number;
  mentions: number;
}

export interface Group extends GroupInfo {
  role: Role;
  channels: OpenChannel[];
}

export interface Member {
  user: User;
  role: Role;
  joinedAt: Time;
}

export interface ChannelMember {
  user: User;
  joinedAt: Time;
}

export interface Invite {
  code: string;
  groupId: Id;
  creatorId: Id;
  createdAt: Time;
  expiresAt?: Time;
  maxUses?: number;
  uses: number;
}

/** What somebody who has an invite's code may see of the group. */
export interface Invitation {
  group: GroupInfo;
  members: number;
  /** Whether the caller is in already. */
  member: boolean;
  expiresAt?: Time;
}

export interface Ban {
  user: User;
  bannedBy: Id;
  reason: string;
  createdAt: Time;
}

export interface Block {
  user: User;
  createdAt: Time;
}

export interface Reaction {
  emoji: string;
  count: number;
  mine: boolean;
  /** The first ten of them. */
  userIds: Id[];
}

/** Who has put an emoji to a message. */
export interface Reactors {
  emoji: string;
  count: number;
  mine: boolean;
  users: { id: Id; username: string; displayName: string }[];
}

export interface Mentions {
  users?: Id[];
  channel?: true;
}

/** A message of a channel. */
export interface ChannelMessage {
  messageId: Id;
  groupId: Id;
  channelId: Id;
  seq: number;
  senderId: Id;
  content: string;
  hash: string;
  createdAt: Time;
  replyTo?: Id;
  threadId?: Id;
  replies?: number;
  editedAt?: Time;
  deletedAt?: Time;
  mentions?: Mentions;
  reactions?: Reaction[];
  pinnedAt?: Time;
  pinnedBy?: Id;
}

/** A message of a personal chat. Its messageId is a number of its own among personal messages. */
export interface PersonalMessage {
  messageId: Id;
  chatId: Id;
  seq: number;
  senderId: Id;
  receiverId: Id;
  content: string;
  hash: string;
  createdAt: Time;
}

/** How far somebody has got in a personal chat. */
export interface Position {
  deliveredSeq: number;
  deliveredAt?: Time;
  readSeq: number;
  readAt?: Time;
}

export interface Chat {
  chatId: Id;
  /** The other one. */
  user: User;
  lastSeq: number;
  readSeq: number;
  unread: number;
  other: Position;
  blocked: boolean;
  lastMessage: PersonalMessage;
}

export interface History<M> {
  messages: M[];
  hasMore: boolean;
}

export interface Thread {
  root: ChannelMessage;
  messages: ChannelMessage[];
  hasMore: boolean;
}

export type Status = "SENT" | "DELIVERED" | "READ";

export interface Recipient {
  userId: Id;
  status: Status;
  at: Time;
}

export interface Edit {
  content: string;
  editorId: Id;
  editedAt: Time;
}

/** A piece of a found text; text, not HTML. */
export interface SnippetPiece {
  text: string;
  hit: boolean;
}

export type SearchResult =
  | { kind: "channel"; message: ChannelMessage; snippet: SnippetPiece[] }
  | { kind: "direct"; message: PersonalMessage; snippet: SnippetPiece[] };

export interface SearchResults {
  results: SearchResult[];
  next?: string;
}

export type PresenceState = "online" | "away" | "offline";

export interface Presence {
  userId: Id;
  state: PresenceState;
  lastSeen?: Time;
}

/** RFC 9457. Programs tell problems apart by code; people read detail, or title. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  code: string;
  errors?: { field: string; message: string }[];
}
