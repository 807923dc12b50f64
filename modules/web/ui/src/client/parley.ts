/**
 * The public face of the client: what an application sees, and what it can ask for. Nothing here knows a framework: an
 * application reads `parley` as it is now, and is told by `subscribe` what has changed since.
 */
import type { Api } from "./api.js";
import type {
  ChannelMessage, Chat, Group, Id, Member, OpenChannel, PersonalMessage, Presence, Role, ServerInfo, Status, Time, User,
} from "./types.js";

/** A channel, or the personal chat with a user. */
export type Place = { kind: "channel"; id: Id } | { kind: "direct"; id: Id };

/** A place as the key of a map: `c7` is channel 7, `d3` the personal chat with user 3. */
export type PlaceKey = `c${number}` | `d${number}`;

/** A message of either kind of place. Messages never change: one that is edited is replaced by another object. */
export type Message = Readonly<ChannelMessage> | Readonly<PersonalMessage>;

/**
 * What has become of a connection. "offline": no server is reached at the moment, which is tried again by itself.
 * "catching-up": connected, and fetching what was missed. "ready": everything shown is what the server has.
 */
export type Connection = "idle" | "connecting" | "offline" | "catching-up" | "ready";

/** A message of one's own that the server has not confirmed yet. It keeps its hash until it is confirmed. */
export interface Pending {
  readonly hash: string;
  readonly place: Place;
  readonly content: string;
  readonly replyTo?: Id;
  /** By the clock of this device. */
  readonly createdAt: Time;
  /** "waiting": not accepted yet, also while offline. "accepted": the server keeps it (202). "failed": not sent, and not tried again by itself. */
  readonly state: "waiting" | "accepted" | "failed";
  /** What went wrong, for people, and its code. With "failed". */
  readonly problem?: { code: string; detail: string };
}

/** Messages of a place without gaps, ascending. */
export interface Segment {
  readonly messages: readonly Message[];
  /** There are earlier ones on the server. */
  readonly hasOlder: boolean;
  /** There are later ones: this part does not reach the newest message. */
  readonly hasNewer: boolean;
}

/** What is known of a channel or a personal chat. A new object whenever something in it changes. */
export interface Conversation {
  readonly key: PlaceKey;
  readonly place: Place;
  /** The part that is shown: the newest messages, or those around one that was jumped to. */
  readonly segment: Segment;
  /** One's own messages that are not confirmed yet, in the order in which they were sent. */
  readonly pending: readonly Pending[];
  readonly lastSeq: number;
  readonly readSeq: number;
  readonly unread: number;
  /** Always 0 in personal chats. */
  readonly mentions: number;
  /** Whether its messages have been fetched at all. */
  readonly loaded: boolean;
  /**
   * How far others have got, by user; of a large group, how many have (see counts). A message of one's own with a seq up to readSeq is READ by that
   * user, up to deliveredSeq DELIVERED.
   */
  readonly receipts: ReadonlyMap<Id, { readonly deliveredSeq: number; readonly readSeq: number }>;
  /** Large groups: how many have got at least as far as a seq, the latest report of each status. */
  readonly counts: Readonly<Partial<Record<Exclude<Status, "SENT">, { upToSeq: number; count: number }>>>;
}

/** The members of a group, once they were asked for. */
export interface MemberList {
  readonly members: ReadonlyMap<Id, Member>;
  /** All of them are here. */
  readonly complete: boolean;
}

/**
 * What may change: the session (`me`), the connection, the list of groups and their channels (also their names, and what is unread in them), the list of
 * personal chats, users by id, who is there, one conversation, the members of one group, who is typing in one channel.
 */
export type Topic = "session" | "connection" | "groups" | "chats" | "users" | "presence" | PlaceKey | `members:${number}` | `typing:${number}`;

/** What happens once, and is gone then. */
export interface Happenings {
  /** A message of somebody else has arrived live, in a place that may or may not be shown. */
  message: { place: Place; message: Message; mentionsMe: boolean };
  /** The user is in a group no longer, not by leaving with this client. */
  left: { groupId: Id; name: string; reason: "left" | "removed" | "banned" | "deleted" };
  /** A channel is gone, or the user may not read it any more. */
  "channel-gone": { groupId: Id; channelId: Id; name: string };
  /** The sign-in has ended without the user's doing; problem says why. */
  "signed-out": { problem: { code: string; detail: string } };
}

export interface Parley {
  /**
   * Requests that change or fetch something and have no state here. They fail with a ProblemError. What their answers say of groups, channels, members
   * and users is known from then on.
   */
  readonly api: Api;

  // What is known. All of it may be read at any time; objects are replaced, not changed.
  readonly me: User | null;
  readonly connection: Connection;
  readonly server: ServerInfo | null;
  /** In the order of their ids. */
  readonly groups: readonly Group[];
  /** The one with the latest message first. */
  readonly chats: readonly Chat[];
  /** There are older chats, which loadMoreChats fetches. */
  readonly moreChats: boolean;
  group(id: Id): Group | undefined;
  channel(id: Id): OpenChannel | undefined;
  chat(userId: Id): Chat | undefined;
  conversation(place: Place): Conversation;
  user(id: Id): User | undefined;
  members(groupId: Id): MemberList;
  role(groupId: Id): Role | undefined;
  presence(userId: Id): Presence | undefined;
  /** Who is typing in a channel, without oneself. */
  typing(channelId: Id): readonly Id[];

  /** Tells, together and soon after, which topics have changed. Returns what ends it. */
  subscribe(listener: (changed: ReadonlySet<Topic>) => void): () => void;
  on<H extends keyof Happenings>(what: H, listener: (happening: Happenings[H]) => void): () => void;

  // The session.
  /** Asks what server this is, and goes on with an earlier sign-in if there is one. Resolves once it is known whether there is. */
  start(): Promise<void>;
  register(username: string, password: string, displayName: string): Promise<void>;
  signIn(username: string, password: string): Promise<void>;
  /** Ends the sign-in, in all tabs, and forgets everything that is kept of it on this device. */
  signOut(): Promise<void>;
  updateMe(displayName: string): Promise<void>;
  /** Ends the connection and all timers, without signing out. */
  close(): void;

  // Reading. Without a sign-in, what returns a promise fails with the code "signed_out".
  /** Fetches the newest messages of a place, unless they are here. What is here is shown meanwhile. */
  open(place: Place): Promise<void>;
  older(place: Place): Promise<void>;
  newer(place: Place): Promise<void>;
  /** Shows the part of a place around a message; resolves once it is in the conversation's segment. Fails with "message_not_found" if it is not there. */
  jumpTo(place: Place, seq: number): Promise<void>;
  /** Shows the newest messages again. */
  jumpToNewest(place: Place): Promise<void>;
  /** The user has seen everything up to seq. Reports are coalesced, and repeated until they have got through. */
  markRead(place: Place, seq: number): void;
  /** Fetches the members of a group, and keeps them up to date from then on. */
  loadMembers(groupId: Id): Promise<void>;
  /** Fetches users that are not known, many with one request. Those that there are not stay unknown, which is no error. */
  loadUsers(ids: Iterable<Id>): Promise<void>;
  loadMoreChats(): Promise<void>;

  // Writing.
  /**
   * Shows a message at once as pending, and sends it until it is accepted: in each place one after the other, also after a reconnect or a reload.
   * Returns its hash.
   */
  send(place: Place, content: string, replyTo?: Id): string;
  /** Sends a failed message again, with the same hash. */
  retry(place: Place, hash: string): void;
  /** Forgets a failed message. */
  discard(place: Place, hash: string): void;
  edit(message: ChannelMessage, content: string): Promise<void>;
  remove(message: ChannelMessage): Promise<void>;
  /** Puts an emoji to a message, or takes it away; shown at once, taken back if it is refused. */
  react(message: ChannelMessage, emoji: string, on: boolean): Promise<void>;
  pin(message: ChannelMessage, on: boolean): Promise<void>;
  /** Call it with each key press; it is throttled, and ends by itself. */
  typed(channelId: Id): void;
  stoppedTyping(channelId: Id): void;

  // Presence.
  /** Whose presence is shown; takes the place of those before. Up to 200, more are ignored. */
  watch(userIds: Iterable<Id>): void;
  /** Whether somebody uses this device. */
  setAway(away: boolean): void;
}
