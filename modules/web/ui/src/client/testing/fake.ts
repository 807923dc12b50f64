/** A client without a server, for tests and previews of what is built on one. It is no part of the package. */
import type { Api } from "../api.js";
import type {
  Connection, Conversation, Happenings, MemberList, Message, Parley, Pending, Place, PlaceKey, Topic,
} from "../parley.js";
import { ProblemError } from "../problem.js";
import type { Chat, Group, Id, Member, Presence, ServerInfo, User } from "../types.js";

import { keyOf, placeOf } from "../places.js";

import { conversationOf, fakeMessages, fakeServer, theChats, theGroups, theUsers } from "./people.js";

/** What a fake begins with. What is left out, people.ts says. */
export interface FakeState {
  me: User | null;
  connection: Connection;
  server: ServerInfo | null;
  groups: readonly Group[];
  chats: readonly Chat[];
  users: readonly User[];
  /** By place, what differs from an empty conversation. */
  conversations: Partial<Record<PlaceKey, Partial<Conversation>>>;
  members: Record<Id, MemberList>;
  presences: readonly Presence[];
  /** By channel. */
  typing: Record<Id, readonly Id[]>;
  /** Answers of the API. What is left out answers with nothing: an empty list or page, or undefined. */
  api: Partial<Api>;
}

/** A call of one of the client's functions; those of its API begin with "api.". */
export interface Call {
  name: string;
  args: readonly unknown[];
}

/** A Parley that records what it is asked for, and shows what it is told to. */
export interface FakeParley extends Parley {
  readonly calls: Call[];
  /** The arguments of all calls of one function, in order. */
  called(name: string): readonly (readonly unknown[])[];
  /** The next call of a function that returns a promise fails. */
  failNext(name: string, problem: { code: string; status?: number; detail?: string; errors?: { field: string; message: string }[] }): void;

  /** Tells those who listen that topics have changed: at once, unlike a real one. */
  notify(...topics: Topic[]): void;
  /** Tells those who listen of something that happens. */
  happen<H extends keyof Happenings>(what: H, happening: Happenings[H]): void;

  setMe(me: User | null): void;
  setConnection(connection: Connection): void;
  setServer(server: ServerInfo | null): void;
  setGroups(groups: readonly Group[]): void;
  setChats(chats: readonly Chat[]): void;
  setUsers(users: readonly User[]): void;
  /** Changes some of a conversation. */
  setConversation(place: Place, change: Partial<Conversation>): void;
  /** Gives a conversation its newest messages, ascending and without gaps. */
  setMessages(place: Place, messages: readonly Message[]): void;
  setMembers(groupId: Id, members: readonly Member[], complete?: boolean): void;
  setPresence(presence: Presence): void;
  setTyping(channelId: Id, userIds: readonly Id[]): void;
}

/** A client with four users, two groups, a few channels and messages, signed in as Ann (user 1). */
export function fakeParley(state: Partial<FakeState> = {}): FakeParley {
  return new Fake(state);
}

class Fake implements FakeParley {
  readonly calls: Call[] = [];
  readonly api: Api;
  me: User | null;
  connection: Connection;
  server: ServerInfo | null;
  groups: readonly Group[];
  chats: readonly Chat[];
  moreChats = false;

  readonly #users: Map<Id, User>;
  readonly #conversations = new Map<PlaceKey, Conversation>();
  readonly #members: Map<Id, MemberList>;
  readonly #presences: Map<Id, Presence>;
  readonly #typing: Map<Id, readonly Id[]>;
  readonly #failures = new Map<string, ProblemError>();
  readonly #listeners = new Set<(changed: ReadonlySet<Topic>) => void>();
  readonly #waiting = new Map<keyof Happenings, Set<(happening: never) => void>>();
  #hashes = 0;

  constructor(state: Partial<FakeState>) {
    this.me = state.me === undefined ? theUsers[0]! : state.me;
    this.connection = state.connection ?? "ready";
    this.server = state.server === undefined ? fakeServer : state.server;
    this.groups = state.groups ?? theGroups();
    this.chats = state.chats ?? theChats();
    this.#users = new Map((state.users ?? theUsers).map((u) => [u.id, u]));
    this.#members = new Map(Object.entries(state.members ?? {}).map(([id, list]) => [Number(id), list]));
    this.#presences = new Map((state.presences ?? []).map((p) => [p.userId, p]));
    this.#typing = new Map(Object.entries(state.typing ?? {}).map(([id, users]) => [Number(id), users]));
    for (const [key, told] of Object.entries(state.conversations ?? fakeMessages())) {
      const empty = conversationOf(placeOf(key as PlaceKey));
      this.#conversations.set(empty.key, { ...empty, ...told });
    }
    this.api = this.#recordingApi(state.api ?? {});
  }

  // --- What a test does with it ---

  called(name: string): readonly (readonly unknown[])[] {
    return this.calls.filter((c) => c.name === name).map((c) => c.args);
  }

  failNext(name: string, problem: { code: string; status?: number; detail?: string; errors?: { field: string; message: string }[] }): void {
    const { code, status = 409, ...rest } = problem;
    this.#failures.set(name, new ProblemError({ type: "about:blank", title: code, status, code, ...rest }));
  }

  notify(...topics: Topic[]): void {
    const changed = new Set(topics);
    for (const listener of this.#listeners) listener(changed);
  }

  happen<H extends keyof Happenings>(what: H, happening: Happenings[H]): void {
    for (const listener of this.#waiting.get(what) ?? []) (listener as (happening: Happenings[H]) => void)(happening);
  }

  setMe(me: User | null): void {
    this.me = me;
    this.notify("session");
  }

  setConnection(connection: Connection): void {
    this.connection = connection;
    this.notify("connection");
  }

  setServer(server: ServerInfo | null): void {
    this.server = server;
    this.notify("session");
  }

  setGroups(groups: readonly Group[]): void {
    this.groups = groups;
    this.notify("groups");
  }

  setChats(chats: readonly Chat[]): void {
    this.chats = chats;
    this.notify("chats");
  }

  setUsers(users: readonly User[]): void {
    for (const user of users) this.#users.set(user.id, user);
    this.notify("users");
  }

  setConversation(place: Place, change: Partial<Conversation>): void {
    this.#conversations.set(keyOf(place), { ...this.conversation(place), ...change });
    this.notify(keyOf(place));
  }

  setMessages(place: Place, messages: readonly Message[]): void {
    const last = messages.at(-1)?.seq ?? 0;
    this.setConversation(place, { loaded: true, lastSeq: last, segment: { messages, hasOlder: (messages[0]?.seq ?? 1) > 1, hasNewer: false } });
  }

  setMembers(groupId: Id, members: readonly Member[], complete = true): void {
    this.#members.set(groupId, { members: new Map(members.map((m) => [m.user.id, m])), complete });
    this.notify(`members:${groupId}`);
  }

  setPresence(presence: Presence): void {
    this.#presences.set(presence.userId, presence);
    this.notify("presence");
  }

  setTyping(channelId: Id, userIds: readonly Id[]): void {
    this.#typing.set(channelId, userIds);
    this.notify(`typing:${channelId}`);
  }

  // --- What is known ---

  group(id: Id): Group | undefined {
    return this.groups.find((g) => g.id === id);
  }

  channel(id: Id) {
    return this.groups.flatMap((g) => g.channels).find((c) => c.id === id);
  }

  chat(userId: Id): Chat | undefined {
    return this.chats.find((c) => c.user.id === userId);
  }

  conversation(place: Place): Conversation {
    return this.#conversations.get(keyOf(place)) ?? conversationOf(place);
  }

  user(id: Id): User | undefined {
    return this.#users.get(id);
  }

  members(groupId: Id): MemberList {
    return this.#members.get(groupId) ?? { members: new Map(), complete: false };
  }

  role(groupId: Id) {
    return this.group(groupId)?.role;
  }

  presence(userId: Id): Presence | undefined {
    return this.#presences.get(userId);
  }

  typing(channelId: Id): readonly Id[] {
    return this.#typing.get(channelId) ?? [];
  }

  subscribe(listener: (changed: ReadonlySet<Topic>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  on<H extends keyof Happenings>(what: H, listener: (happening: Happenings[H]) => void): () => void {
    const all = this.#waiting.get(what) ?? new Set();
    this.#waiting.set(what, all.add(listener));
    return () => all.delete(listener);
  }

  // --- What it is asked for ---

  start = this.#recorded("start");
  register = this.#recorded("register");
  signIn = this.#recorded("signIn");
  updateMe = this.#recorded("updateMe");
  open = this.#recorded("open");
  older = this.#recorded("older");
  newer = this.#recorded("newer");
  jumpTo = this.#recorded("jumpTo");
  jumpToNewest = this.#recorded("jumpToNewest");
  loadMembers = this.#recorded("loadMembers");
  loadUsers = this.#recorded("loadUsers");
  loadMoreChats = this.#recorded("loadMoreChats");
  edit = this.#recorded("edit");
  remove = this.#recorded("remove");
  react = this.#recorded("react");
  pin = this.#recorded("pin");

  async signOut(): Promise<void> {
    await this.#record("signOut", []);
    this.setMe(null);
  }

  close(): void {
    void this.#record("close", []);
  }

  markRead(place: Place, seq: number): void {
    void this.#record("markRead", [place, seq]);
  }

  send(place: Place, content: string, replyTo?: Id): string {
    void this.#record("send", replyTo === undefined ? [place, content] : [place, content, replyTo]);
    const hash = `hash-${++this.#hashes}`;
    const pending: Pending = {
      hash, place, content, createdAt: new Date().toISOString(), state: "waiting", ...(replyTo === undefined ? {} : { replyTo }),
    };
    this.setConversation(place, { pending: [...this.conversation(place).pending, pending] });
    return hash;
  }

  retry(place: Place, hash: string): void {
    void this.#record("retry", [place, hash]);
    const { pending } = this.conversation(place);
    this.setConversation(place, {
      pending: pending.map((p) => (p.hash === hash ? { hash, place, content: p.content, createdAt: p.createdAt, state: "waiting" } : p)),
    });
  }

  discard(place: Place, hash: string): void {
    void this.#record("discard", [place, hash]);
    this.setConversation(place, { pending: this.conversation(place).pending.filter((p) => p.hash !== hash) });
  }

  typed(channelId: Id): void {
    void this.#record("typed", [channelId]);
  }

  stoppedTyping(channelId: Id): void {
    void this.#record("stoppedTyping", [channelId]);
  }

  watch(userIds: Iterable<Id>): void {
    void this.#record("watch", [[...userIds]]);
  }

  setAway(away: boolean): void {
    void this.#record("setAway", [away]);
  }

  #record(name: string, args: readonly unknown[]): Promise<void> {
    this.calls.push({ name, args });
    const failure = this.#failures.get(name);
    this.#failures.delete(name);
    return failure ? Promise.reject(failure) : Promise.resolve();
  }

  #recorded(name: string): (...args: unknown[]) => Promise<void> {
    return (...args) => this.#record(name, args);
  }

  /** An API every function of which is recorded, answered by what the test gave, or by nothing. */
  #recordingApi(answers: Partial<Api>): Api {
    return new Proxy({} as Api, {
      get: (_, name: string) => async (...args: unknown[]) => {
        await this.#record(`api.${name}`, args);
        const answer = (answers as Record<string, ((...args: unknown[]) => unknown) | undefined>)[name];
        return answer ? answer(...args) : nothing[name];
      },
    });
  }
}

/** Answers without anything in them, of functions that answer with lists. */
const nothing: Record<string, unknown> = {
  findUsers: [], usersById: [], sessions: [], invites: [], edits: [], reactors: [], pins: [], chats: [],
  members: { items: [] }, bans: { items: [] }, channelMembers: { items: [] }, recipients: { items: [] }, blocks: { items: [] },
  messages: { messages: [], hasMore: false }, mentions: { messages: [], hasMore: false }, personalMessages: { messages: [], hasMore: false },
  search: { results: [] },
};
