import type { Api } from "./api.js";
import { Changes } from "./changes.js";
import { Http } from "./http.js";
import { edited, willReact } from "./messages.js";
import { environment, type Environment, type Options } from "./options.js";
import type { Connection, Conversation, Happenings, MemberList, Parley, Place, Topic } from "./parley.js";
import { keyOf } from "./places.js";
import type { ProblemError } from "./problem.js";
import { pathOf, requests } from "./requests.js";
import { nowhere } from "./room.js";
import { Session, signedOut } from "./session.js";
import { Life } from "./life.js";
import { knowing } from "./own.js";
import type { ChannelMessage, Chat, Group, Id, OpenChannel, Presence, Reaction, Role, ServerInfo, User } from "./types.js";

/** Makes a client, which does nothing until it is started. */
export function createParley(options: Options = {}): Parley {
  return new Client(environment(options));
}

const noGroups: readonly Group[] = [];
const noChats: readonly Chat[] = [];
const nobody: readonly Id[] = [];
const noMembers: MemberList = { members: new Map(), complete: false };
/** How long signing out waits for the server, in milliseconds. */
const farewell = 3_000;

/** The client: who is signed in, and the life that this sign-in leads. */
class Client implements Parley {
  readonly api: Api;
  server: ServerInfo | null = null;

  readonly #env: Environment;
  readonly #changes = new Changes();
  readonly #session: Session;
  readonly #http: Http;
  readonly #empty = new Map<string, Conversation>();
  #life: Life | undefined;
  #ends: (() => void)[] = [];
  #asking: Promise<void> | undefined;

  constructor(env: Environment) {
    this.#env = env;
    this.#session = new Session(env.keep, env.locks, {
      entered: (user) => this.#entered(user),
      left: (problem) => this.#left(problem),
      renewed: (token) => this.#life?.world.connection.renew(token),
      changed: (user) => this.#renamed(user),
    });
    this.#http = new Http(env.fetch, env.url, this.#session);
    this.#session.use(this.#http);
    const api = knowing(requests(this.#http), () => this.#life?.world);
    this.api = {
      ...api,
      deleteMe: async (password) => {
        await api.deleteMe(password);
        this.#life?.world.outbox.forget();
        this.#session.forget();
      },
    };
  }

  // --- What is known ---

  get me(): User | null {
    return this.#session.me;
  }

  get connection(): Connection {
    return this.#life?.world.connection.state ?? "idle";
  }

  get groups(): readonly Group[] {
    return this.#life?.world.groups.list ?? noGroups;
  }

  get chats(): readonly Chat[] {
    return this.#life?.world.chats.list ?? noChats;
  }

  get moreChats(): boolean {
    return this.#life?.world.chats.more ?? false;
  }

  group(id: Id): Group | undefined {
    return this.#life?.world.groups.get(id);
  }

  channel(id: Id): OpenChannel | undefined {
    return this.#life?.world.groups.channel(id);
  }

  chat(userId: Id): Chat | undefined {
    return this.#life?.world.chats.get(userId);
  }

  conversation(place: Place): Conversation {
    return this.#life ? this.#life.conversation(place) : nothingIn(place, this.#empty);
  }

  user(id: Id): User | undefined {
    return this.#life?.world.users.get(id);
  }

  members(groupId: Id): MemberList {
    return this.#life?.world.members.of(groupId) ?? noMembers;
  }

  role(groupId: Id): Role | undefined {
    return this.group(groupId)?.role;
  }

  presence(userId: Id): Presence | undefined {
    return this.#life?.world.presence.of(userId);
  }

  typing(channelId: Id): readonly Id[] {
    return this.#life?.world.typing.in(channelId) ?? nobody;
  }

  subscribe(listener: (changed: ReadonlySet<Topic>) => void): () => void {
    return this.#changes.subscribe(listener);
  }

  on<H extends keyof Happenings>(what: H, listener: (happening: Happenings[H]) => void): () => void {
    return this.#changes.on(what, listener);
  }

  // --- The session ---

  async start(): Promise<void> {
    if (this.#ends.length === 0) {
      this.#ends = [
        this.#env.onStorage((key) => this.#stored(key)),
        this.#env.onOnline(() => this.#wake()),
        this.#env.onLeave(() => this.#env.release()),
      ];
    }
    this.#session.resume();
    const asked = this.#askServer();
    // Who is signed in need not wait for what the server has to say to those who are not.
    if (!this.me) await asked;
  }

  register(username: string, password: string, displayName: string): Promise<void> {
    return this.#session.register(username, password, displayName);
  }

  signIn(username: string, password: string): Promise<void> {
    return this.#session.signIn(username, password);
  }

  signOut(): Promise<void> {
    this.#life?.world.outbox.forget();
    return this.#session.signOut(farewell);
  }

  async updateMe(displayName: string): Promise<void> {
    this.#session.rename(await this.#http.ask<User>("PATCH", "/me", { body: { displayName } }));
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
    this.#life?.end();
    this.#life = undefined;
    this.#session.stop();
    this.#http.abort(signedOut());
    this.#env.release();
  }

  // --- Reading ---

  async open(place: Place): Promise<void> {
    await this.#signedIn().open(place);
  }

  async older(place: Place): Promise<void> {
    await (await this.#signedIn().reading()).older(place);
  }

  async newer(place: Place): Promise<void> {
    await (await this.#signedIn().reading()).newer(place);
  }

  async jumpTo(place: Place, seq: number): Promise<void> {
    await (await this.#signedIn().reading()).jumpTo(place, seq);
  }

  async jumpToNewest(place: Place): Promise<void> {
    await (await this.#signedIn().reading()).jumpToNewest(place);
  }

  markRead(place: Place, seq: number): void {
    this.#life?.markRead(keyOf(place), seq);
  }

  async loadMembers(groupId: Id): Promise<void> {
    await this.#signedIn().world.members.load(groupId);
  }

  async loadUsers(ids: Iterable<Id>): Promise<void> {
    await this.#signedIn().world.users.load(ids);
  }

  async loadMoreChats(): Promise<void> {
    const { chats } = this.#signedIn().world;
    const last = chats.list.at(-1);
    if (!chats.more || !last) return;
    chats.addOlder(await this.api.chats(last.lastMessage.messageId));
  }

  // --- Writing ---

  send(place: Place, content: string, replyTo?: Id): string {
    const { outbox, typing } = this.#signedIn().world;
    if (place.kind === "channel") typing.stopped(place.id, true);
    return outbox.add(place, content, replyTo);
  }

  retry(_place: Place, hash: string): void {
    this.#life?.world.outbox.retry(hash);
  }

  discard(_place: Place, hash: string): void {
    this.#life?.world.outbox.discard(hash);
  }

  async edit(message: ChannelMessage, content: string): Promise<void> {
    const life = this.#signedIn();
    const told = await this.#http.ask<ChannelMessage>("PATCH", pathOf(message), { body: { content } });
    // Unless what came by events is later.
    life.replace(told, (old) => ((told.editedAt ?? "") > (old.editedAt ?? "") ? edited(old, told) : old));
  }

  remove(message: ChannelMessage): Promise<void> {
    return this.#http.ask("DELETE", pathOf(message));
  }

  async react(message: ChannelMessage, emoji: string, on: boolean): Promise<void> {
    const life = this.#signedIn();
    life.replace(message, (old) => willReact(old, emoji, on, life.world.me));
    try {
      await this.#http.ask<Reaction | undefined>(on ? "PUT" : "DELETE", `${pathOf(message)}/reactions/${encodeURIComponent(emoji)}`);
    } catch (error) {
      await life.history.again(message).catch(() => undefined); // what is wrong has been said by the first error
      throw error;
    }
  }

  pin(message: ChannelMessage, on: boolean): Promise<void> {
    return this.#http.ask(on ? "PUT" : "DELETE", `${pathOf(message)}/pin`);
  }

  typed(channelId: Id): void {
    this.#life?.world.typing.typed(channelId);
  }

  stoppedTyping(channelId: Id): void {
    this.#life?.world.typing.stopped(channelId);
  }

  // --- Presence ---

  watch(userIds: Iterable<Id>): void {
    this.#life?.world.presence.watch(userIds);
  }

  setAway(away: boolean): void {
    this.#life?.world.presence.setAway(away);
  }

  // --- What happens to the session ---

  #signedIn(): Life {
    if (!this.#life) throw signedOut();
    return this.#life;
  }

  #entered(user: User): void {
    if (this.server) this.server = { ...this.server, accounts: true }; // at least this one, whatever it was before
    this.#life = new Life(this.#env, this.#changes, this.#http, this.#session, user);
    this.#changes.note("session", "users");
    this.#life.start();
  }

  #left(problem?: ProblemError): void {
    const life = this.#life;
    this.#life = undefined;
    life?.end(); // what is not sent is kept, for when the same user signs in again
    this.#http.abort(problem ?? signedOut());
    this.#changes.note("session", "connection", "groups", "chats", "users", "presence", ...(life?.topics() ?? []));
    if (problem) this.#changes.happen("signed-out", { problem: { code: problem.code, detail: problem.message } });
  }

  #renamed(user: User): void {
    this.#life?.world.users.learn(user);
    this.#changes.note("session");
  }

  #stored(key: string | null): void {
    const { prefix } = this.#env.keep;
    if (key === null || key === `${prefix}session`) this.#session.resume();
    if (key?.startsWith(prefix)) this.#life?.world.outbox.stored(key.slice(prefix.length));
  }

  #wake(): void {
    this.#http.wake();
    this.#life?.world.connection.wake();
  }

  /** Asks what server this is, until it answers. Resolves after the first attempt. */
  #askServer(): Promise<void> {
    if (this.server || this.#asking) return this.#asking ?? Promise.resolve();
    const take = (server: ServerInfo): void => {
      this.server = server;
      this.#changes.note("session");
    };
    const ask = (): Promise<ServerInfo> => this.#http.once<ServerInfo>("GET", "/server", { anonymous: true });
    this.#asking = ask().then(take, () => void this.#http.repeat(ask).then(take, () => undefined)).finally(() => (this.#asking = undefined));
    return this.#asking;
  }
}

/** A place of which nothing is known, since nobody is signed in: always the same object. */
function nothingIn(place: Place, made: Map<string, Conversation>): Conversation {
  const key = keyOf(place);
  const { lastSeq, readSeq, unread, mentions } = nowhere;
  const empty = made.get(key) ?? {
    key, place, segment: { messages: [], hasOlder: false, hasNewer: false }, pending: [], lastSeq, readSeq, unread, mentions,
    loaded: false, receipts: new Map(), counts: {},
  };
  made.set(key, empty);
  return empty;
}
