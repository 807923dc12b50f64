/** What an answer to /sync changes, by the rules of the API's documentation. */
import { forgetChannel, forgetGroup, leaveChannel } from "./departures.js";
import type { PlaceKey } from "./parley.js";
import { Run } from "./run.js";
import type { Room } from "./room.js";
import type { Copy } from "./sync.js";
import type { Missed, MissedChannel, MissedChat } from "./wire.js";
import type { World } from "./world.js";

/** Of channels with something unread, so many are fetched before somebody opens them, and so many messages of each. */
const mostAhead = 40;
const tail = 50;
/** A place of which more than so many messages are missing begins anew with the newest ones. */
const tooFar = 500;

/** The copy that a client keeps, as answers change it. fetchNewest has the newest messages of a room fetched, in the place of those here. */
export class CatchUp implements Copy {
  readonly #w: World;
  readonly #fetchNewest: (room: Room) => void;
  /** Channels that are to begin with what follows a seq. */
  readonly #beginning = new Map<PlaceKey, number>();

  constructor(world: World, fetchNewest: (room: Room) => void) {
    this.#w = world;
    this.#fetchNewest = fetchNewest;
  }

  positions(): Map<PlaceKey, number> {
    const all = new Map<PlaceKey, number>();
    for (const { key } of this.#w.rooms.loaded()) {
      const seq = this.position(key);
      if (seq !== undefined) all.set(key, seq);
    }
    return all;
  }

  position(key: PlaceKey): number | undefined {
    return this.#beginning.get(key) ?? this.#w.rooms.get(key)?.live?.last ?? this.#w.ledger.get(key)?.lastSeq;
  }

  take(answer: Missed): Map<PlaceKey, number> {
    const w = this.#w;
    const listed = Boolean(answer.token);
    if (listed) this.#lists(answer);
    for (const [id, told] of Object.entries(answer.channels)) this.#channel(`c${Number(id)}`, told);
    for (const id of answer.gone) leaveChannel(w, id);
    for (const [id, told] of Object.entries(answer.direct)) this.#chat(`d${Number(id)}`, told);
    for (const { key } of w.rooms.loaded()) this.#stillRead(key);
    return listed ? this.#ahead() : new Map<PlaceKey, number>();
  }

  #lists({ groups = [], members = [], memberLists = [], chats = [], moreChats = false }: Missed): void {
    const w = this.#w;
    const gone = w.groups.take(groups);
    for (const group of gone.groups) forgetGroup(w, group, "removed");
    for (const channel of gone.channels) if (w.groups.get(channel.groupId)) forgetChannel(w, channel);
    for (const id of memberLists) w.members.outdated(id);
    for (const { groupId, userId, member } of members) w.members.set(groupId, userId, member);
    w.users.learn(...chats.map((c) => c.user));
    w.chats.takeLatest(chats, moreChats, (userId) => Boolean(w.rooms.get(`d${userId}`)?.loaded));
    for (const { key } of w.rooms.loaded()) w.changes.note(key);
  }

  #channel(key: PlaceKey, told: MissedChannel): void {
    const w = this.#w;
    const room = this.#roomOf(key, told.reset);
    w.ledger.set(key, { lastSeq: told.lastSeq, readSeq: told.readSeq, unread: told.unread, mentions: told.mentions });
    if (!room) return;
    for (const message of told.changes) room.replace(message);
    for (const message of told.messages) {
      room.replace(message); // it may have been fetched by other ways meanwhile, and have changed since
      room.live?.append(message);
    }
    this.#taken(room, told.messages, told.lastSeq);
    if (told.lastSeq > told.deliveredSeq && room.live?.last === told.lastSeq) w.reports.report("MESSAGE_DELIVERED", key, told.lastSeq);
  }

  #chat(key: PlaceKey, told: MissedChat): void {
    const w = this.#w;
    const room = this.#roomOf(key, told.reset);
    if (told.chat) {
      w.users.learn(told.chat.user);
      w.chats.add([told.chat]);
    }
    if (!room) return;
    for (const message of told.messages) room.live?.append(message);
    this.#taken(room, told.messages, told.chat?.lastSeq ?? 0);
    const last = told.messages.at(-1);
    if (last && last.receiverId === w.me && last.senderId !== w.me) w.reports.report("MESSAGE_DELIVERED", key, last.seq);
  }

  /** The room of a place of which there are messages here, or are to be. After a reset, what is here is forgotten. */
  #roomOf(key: PlaceKey, reset: boolean | undefined): Room | undefined {
    const w = this.#w;
    const after = this.#beginning.get(key);
    this.#beginning.delete(key);
    const room = after === undefined ? w.rooms.get(key) : w.rooms.of(key);
    if (after !== undefined && room && !room.live) room.live = new Run(after, []);
    if (!room?.loaded) return undefined;
    w.changes.note(key);
    if (!reset) return room;
    w.reports.forget(key);
    room.forget();
    this.#fetchNewest(room);
    return undefined;
  }

  /** A room has got messages that were missed. */
  #taken(room: Room, messages: readonly { hash: string; seq: number; senderId: number }[], lastSeq: number): void {
    const w = this.#w;
    if (room.live && lastSeq - room.live.last > tooFar) {
      room.forget();
      this.#fetchNewest(room);
    }
    for (const { senderId, hash, seq } of messages) if (senderId === w.me) w.outbox.confirm(room.key, hash, seq);
    w.outbox.settle(room.key);
  }

  /** What the user has read stays so, if the server does not know of it yet. */
  #stillRead(key: PlaceKey): void {
    const { ledger, reports } = this.#w;
    const cursor = ledger.get(key);
    if (!cursor) return;
    const wanted = Math.min(reports.wanted("MESSAGE_READ", key), cursor.lastSeq);
    if (wanted > cursor.readSeq) ledger.read(key, wanted);
    else ledger.recount(key);
  }

  /** Channels with something unread begin with their latest messages, so that they are here when somebody opens them. */
  #ahead(): Map<PlaceKey, number> {
    const w = this.#w;
    const unread = w.groups.list.flatMap((g) => g.channels).filter((c) => c.unread > 0 && !w.rooms.get(`c${c.id}`)?.loaded);
    for (const { id, lastSeq } of unread.slice(0, mostAhead)) this.#beginning.set(`c${id}`, Math.max(0, lastSeq - tail));
    return new Map(this.#beginning);
  }
}
