import { CatchUp } from "./catchup.js";
import type { Changes } from "./changes.js";
import { Chats } from "./chats.js";
import { Connection } from "./connection.js";
import { Events } from "./events.js";
import { Groups } from "./groups.js";
import { History } from "./history.js";
import type { Http } from "./http.js";
import { Inbox } from "./inbox.js";
import { Ledger } from "./ledger.js";
import { Members } from "./members.js";
import { isOfChannel, type Kept } from "./messages.js";
import type { Environment } from "./options.js";
import { Outbox } from "./outbox.js";
import type { Conversation, Message, Place, PlaceKey, Topic } from "./parley.js";
import { keyOf } from "./places.js";
import { Presence } from "./presence.js";
import { Receipts } from "./receipts.js";
import { Reports } from "./reports.js";
import { nowhere, type Room } from "./room.js";
import { Rooms } from "./rooms.js";
import { signedOut, type Session } from "./session.js";
import { Sync } from "./sync.js";
import { Typing } from "./typing.js";
import type { ChannelMessage, User } from "./types.js";
import { Users } from "./users.js";
import type { World } from "./world.js";

/** After a catching up that failed for a reason that does not pass by itself, it is tried again after so many milliseconds. */
const afterFault = 10_000;

/** The time for which one user is signed in: the world as it is known then, and what keeps it up to date. */
export class Life {
  readonly world: World;
  readonly history: History;

  readonly #env: Environment;
  readonly #session: Session;
  readonly #receipts: Receipts;
  readonly #known: Promise<void>;
  #isKnown!: () => void;
  #ended = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(env: Environment, changes: Changes, http: Http, session: Session, user: User) {
    this.#env = env;
    this.#session = session;
    this.#known = new Promise((resolve) => (this.#isKnown = resolve));
    this.world = this.#made(changes, http, user);
    this.history = new History(this.world);
    this.#receipts = new Receipts(this.world);
  }

  /** Connects, and fetches what there is. */
  start(): void {
    const { outbox, connection } = this.world;
    outbox.start();
    connection.start();
    // Groups are there before the connection is, if that takes its time.
    void this.#catchUp();
  }

  end(): void {
    const { outbox, connection, reports, typing, presence } = this.world;
    this.#ended = true;
    this.#isKnown(); // whoever waits for it is told that it is over
    clearTimeout(this.#timer);
    outbox.stop();
    reports.stop();
    presence.stop();
    connection.stop();
    typing.clear();
  }

  /** What reads, as soon as it is known which channels there are: right after the start it is not. */
  async reading(): Promise<History> {
    await this.#known;
    if (this.#ended) throw signedOut();
    return this.history;
  }

  async open(place: Place): Promise<void> {
    await (await this.reading()).open(place);
    const room = this.world.rooms.get(keyOf(place));
    if (room) this.#receipts.refresh(room);
  }

  conversation(place: Place): Conversation {
    const { rooms, ledger, outbox } = this.world;
    const key = keyOf(place);
    const room = rooms.of(key);
    this.#receipts.ofChat(room);
    const cursor = ledger.get(key) ?? (room.live ? { ...nowhere, lastSeq: room.live.last } : nowhere);
    return room.conversation(cursor, outbox.of(key));
  }

  markRead(key: PlaceKey, seq: number): void {
    const { ledger, reports } = this.world;
    const cursor = ledger.get(key);
    const upTo = Math.min(seq, cursor?.lastSeq ?? 0);
    if (!cursor || upTo <= cursor.readSeq) return;
    ledger.read(key, upTo);
    reports.report("MESSAGE_READ", key, upTo);
  }

  /** Changes a message that is here, before an event does. */
  replace(message: ChannelMessage, how: (old: Kept) => Kept): void {
    const { rooms, ledger, changes } = this.world;
    const key = `c${message.channelId}` as const;
    const before: Message | undefined = rooms.get(key)?.at(message.seq);
    if (!before || !isOfChannel(before) || before.deletedAt) return;
    const after = how(before);
    rooms.get(key)?.replace(after);
    ledger.replaced(key, before, after);
    changes.note(key);
  }

  /** What was known of, and is not any more once the sign-in is over. */
  topics(): Topic[] {
    return this.world.rooms.keys();
  }

  #made(changes: Changes, http: Http, user: User): World {
    const me = user.id;
    const connection = new Connection(this.#env.io, this.#env.url, {
      token: () => this.#session.token(),
      refused: (token) => this.#session.renew(token),
      heard: (event) => this.world.inbox.hear(event),
      subscribed: () => this.#subscribed(),
      lost: () => this.world.typing.clear(),
      changed: () => changes.note("connection"),
    });
    const groups = new Groups(changes);
    const chats = new Chats(changes);
    const rooms = new Rooms();
    const users = new Users(changes, http);
    const inbox = new Inbox((event) => new Events(this.world).apply(event), () => void this.#catchUp());
    users.learn(user);
    return {
      me, changes, http, connection, inbox, groups, chats, rooms, users,
      sync: new Sync(http, inbox, {
        positions: () => this.#copy.positions(),
        position: (key) => this.#copy.position(key),
        take: (answer) => {
          const also = this.#copy.take(answer);
          if (answer.token) this.#isKnown();
          return also;
        },
      }, () => void this.#catchUpLater()),
      members: new Members(changes, http, inbox, users),
      ledger: new Ledger(me, groups, chats, rooms, changes),
      outbox: new Outbox({
        changes, http, keep: this.#env.keep, locks: this.#env.locks, userId: me, known: this.#known,
        groupOf: (channelId) => groups.channel(channelId)?.groupId,
        shownUpTo: (key) => rooms.get(key)?.live?.last,
      }),
      reports: new Reports(connection),
      typing: new Typing(changes, connection),
      presence: new Presence(changes, connection),
      leaving: new Set(),
    };
  }

  get #copy(): CatchUp {
    return (this.#catching ??= new CatchUp(this.world, (room) => this.#fetchNewest(room)));
  }

  #catching: CatchUp | undefined;

  async #subscribed(): Promise<void> {
    const { http, reports, presence, rooms } = this.world;
    http.wake();
    reports.connected();
    presence.connected();
    await this.#catchUp();
    for (const room of rooms.latest()) this.#receipts.refresh(room);
  }

  /** Fetches what was missed, however long it takes; gives up when the sign-in is over. */
  async #catchUp(): Promise<void> {
    if (this.#ended) return;
    await this.world.sync.catchUp().catch(() => this.#catchUpLater());
  }

  async #catchUpLater(): Promise<void> {
    if (this.#ended) return;
    clearTimeout(this.#timer);
    await new Promise<void>((resolve) => (this.#timer = setTimeout(resolve, afterFault)));
    await this.#catchUp();
  }

  #fetchNewest(room: Room): void {
    // Without an answer the sign-in is over, or the place is gone: both are told otherwise.
    void this.history.newest(room).catch(() => undefined);
  }
}
