/** The HTTP API as typed functions. */
import type {
  Ban, Block, Channel, ChannelMember, ChannelMessage, Chat, Edit, Group, History, Id, Invitation, Invite, Member, PersonalMessage, Reactors,
  Recipient, Role, SearchResults, SignIn, Thread, User,
} from "./types.js";

/** A page of a list. `next` is what to ask with for the next page. */
export interface Page<T> {
  items: T[];
  next?: string;
}

export interface HistoryQuery {
  before?: number;
  after?: number;
  limit?: number;
}

export interface SearchQuery {
  q: string;
  groupId?: Id;
  channelId?: Id;
  /** A personal chat, by the other one. */
  with?: Id;
  from?: Id;
  after?: string;
  before?: string;
  limit?: number;
  cursor?: string;
}

/** Every function fails with a ProblemError whose code says why; those that may be repeated are repeated until there is an answer. */
export interface Api {
  findUsers(q: string, limit?: number): Promise<User[]>;
  usersById(ids: Id[]): Promise<User[]>;

  sessions(): Promise<SignIn[]>;
  endSession(id: string): Promise<void>;
  endOtherSessions(): Promise<void>;
  changePassword(currentPassword: string, newPassword: string): Promise<void>;
  deleteMe(password: string): Promise<void>;

  createGroup(name: string, description: string): Promise<Group>;
  updateGroup(groupId: Id, change: { name?: string; description?: string }): Promise<Group>;
  deleteGroup(groupId: Id): Promise<void>;
  members(groupId: Id, page?: string): Promise<Page<Member>>;
  addMember(groupId: Id, userId: Id, role?: Role): Promise<Member>;
  setRole(groupId: Id, userId: Id, role: Role): Promise<Member>;
  removeMember(groupId: Id, userId: Id): Promise<void>;
  transfer(groupId: Id, userId: Id): Promise<Member>;

  /** expiresIn in seconds, 0 for no end; a week by default. */
  createInvite(groupId: Id, options: { expiresIn?: number; maxUses?: number }): Promise<Invite>;
  invites(groupId: Id): Promise<Invite[]>;
  revokeInvite(groupId: Id, code: string): Promise<void>;
  invitation(code: string): Promise<Invitation>;
  acceptInvite(code: string): Promise<Group>;

  bans(groupId: Id, page?: string): Promise<Page<Ban>>;
  ban(groupId: Id, userId: Id, reason?: string): Promise<Ban>;
  unban(groupId: Id, userId: Id): Promise<void>;

  createChannel(groupId: Id, channel: { name: string; topic?: string; private?: boolean }): Promise<Channel>;
  updateChannel(groupId: Id, channelId: Id, change: { name?: string; topic?: string }): Promise<Channel>;
  deleteChannel(groupId: Id, channelId: Id): Promise<void>;
  channelMembers(groupId: Id, channelId: Id, page?: string): Promise<Page<ChannelMember>>;
  addChannelMember(groupId: Id, channelId: Id, userId: Id): Promise<ChannelMember>;
  removeChannelMember(groupId: Id, channelId: Id, userId: Id): Promise<void>;

  messages(groupId: Id, channelId: Id, query: HistoryQuery): Promise<History<ChannelMessage>>;
  edits(message: ChannelMessage): Promise<Edit[]>;
  reactors(message: ChannelMessage): Promise<Reactors[]>;
  pins(groupId: Id, channelId: Id): Promise<ChannelMessage[]>;
  /** The thread of any of its messages, from the first reply on, or from those after a seq. */
  thread(message: Pick<ChannelMessage, "groupId" | "channelId" | "messageId">, after?: number): Promise<Thread>;
  recipients(message: ChannelMessage, page?: string): Promise<Page<Recipient>>;
  mentions(before?: Id): Promise<History<ChannelMessage>>;
  search(query: SearchQuery): Promise<SearchResults>;

  chats(before?: Id): Promise<Chat[]>;
  personalMessages(userId: Id, query: HistoryQuery): Promise<History<PersonalMessage>>;
  blocks(page?: string): Promise<Page<Block>>;
  block(userId: Id): Promise<void>;
  unblock(userId: Id): Promise<void>;
}
