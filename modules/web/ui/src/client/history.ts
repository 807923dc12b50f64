import type { Message, Place, PlaceKey } from "./parley.js";
import { keyOf } from "./places.js";
import { ownProblem } from "./problem.js";
import type { Room } from "./room.js";
import { Run } from "./run.js";
import type { ChannelMessage, History as Told } from "./types.js";
import type { Heard } from "./wire.js";
import type { World } from "./world.js";

const page = 50;

/** Fetches parts of what was said, and shows them. Of each kind, one fetch of a room is under way at a time. */
export class History {
  readonly #w: World;
  readonly #busy = new Map<string, Promise<void>>();
  #jumps = 0;

  constructor(world: World) {
    this.#w = world;
  }

  /** Has the newest messages of a room here. */
  open(place: Place): Promise<void> {
    const room = this.#visit(place);
    return room.live ? Promise.resolve() : this.newest(room);
  }

  newest(room: Room): Promise<void> {
    return this.#alone(room, "newest", () => this.#fetch(room, `?limit=${page}`, (told) => {
      room.live = runOf(told.messages, this.#w.ledger.get(room.key)?.lastSeq ?? 0);
      room.join();
    }));
  }

  older(place: Place): Promise<void> {
    const room = this.#visit(place);
    return this.#alone(room, "older", async () => {
      const run = room.shown;
      if (!run || run.after === 0) return;
      await this.#fetch(room, `?before=${run.after + 1}&limit=${page}`, (told) => run.prepend(told.messages));
    });
  }

  newer(place: Place): Promise<void> {
    const room = this.#visit(place);
    return this.#alone(room, "newer", async () => {
      const run = room.apart;
      if (!run) return;
      await this.#fetch(room, `?after=${run.last}&limit=${page}`, (told) => {
        for (const message of told.messages) run.append(message);
        this.#join(room, told.hasMore);
      });
    });
  }

  async jumpTo(place: Place, seq: number): Promise<void> {
    const room = this.#visit(place);
    const jump = ++this.#jumps;
    if (room.live?.at(seq)) room.apart = undefined;
    else if (!room.apart?.at(seq)) {
      await this.#fetch(room, `?before=${seq + page / 2 + 1}&limit=${page}`, (told) => {
        if (jump !== this.#jumps) return; // somebody has jumped elsewhere meanwhile
        if (room.live?.at(seq)) return void (room.apart = undefined);
        room.apart = runOf(told.messages, 0);
        if (!room.apart.at(seq)) {
          room.apart = undefined;
          throw ownProblem("message_not_found", "There is no such message.");
        }
        this.#join(room, true);
      });
    }
    this.#changed(room.key);
  }

  jumpToNewest(place: Place): Promise<void> {
    const room = this.#visit(place);
    if (!room.live) return this.newest(room).then(() => this.#leaveApart(room));
    this.#leaveApart(room);
    return Promise.resolve();
  }

  /** Fetches one message anew, in the place of what is here of it. */
  again(message: ChannelMessage): Promise<void> {
    const room = this.#w.rooms.of(`c${message.channelId}`);
    return this.#fetch(room, `?after=${message.seq - 1}&limit=1`, (told) => told.messages.forEach((m) => room.replace(m)));
  }

  #leaveApart(room: Room): void {
    this.#jumps++;
    room.apart = undefined;
    this.#changed(room.key);
  }

  /** The part apart is one with the newest messages if it touches them, or if there are no later ones. */
  #join(room: Room, hasMore: boolean): void {
    if (!room.live && !hasMore && room.apart) {
      room.live = room.apart;
      room.apart = undefined;
    }
    room.join();
  }

  /**
   * Fetches a page and takes it. What is heard meanwhile is applied after it. Where that may not be all that has happened since, or may be in the
   * page already, what has changed since before the page is fetched once more.
   */
  async #fetch(room: Room, query: string, take: (told: Told<Message>) => void): Promise<void> {
    const { http, inbox, sync, rooms, ledger } = this.#w;
    const path = this.#path(room.place) + query;
    await http.repeat(() => {
      const from = room.live?.last ?? ledger.get(room.key)?.lastSeq ?? 0;
      const epoch = sync.epoch;
      const alone = !room.loaded;
      return inbox.during(() => http.once<Told<Message>>("GET", path), (told, since) => {
        if (rooms.get(room.key) !== room) throw ownProblem("channel_not_found", "This channel is gone, or you may not read it any more.");
        const began = room.live;
        take(told);
        this.#taken(room, told.messages);
        const moved = room.live !== began && !alone;
        if (moved || sync.epoch !== epoch || sync.busy || doubtful(told.messages, since)) sync.about(room.key, from);
      });
    });
  }

  #taken(room: Room, messages: readonly Message[]): void {
    const { me, outbox, ledger, sync } = this.#w;
    for (const { senderId, hash, seq } of messages) if (senderId === me) outbox.confirm(room.key, hash, seq);
    outbox.settle(room.key);
    ledger.recount(room.key);
    this.#changed(room.key);
    // Something was sent between the page and what is known of the place, and was not heard.
    const lastSeq = ledger.get(room.key)?.lastSeq ?? 0;
    if (room.live && room.live.last !== lastSeq) sync.about(room.key);
  }

  #visit(place: Place): Room {
    const room = this.#w.rooms.of(keyOf(place));
    this.#w.rooms.visit(room);
    return room;
  }

  #alone(room: Room, what: string, job: () => Promise<void>): Promise<void> {
    const key = `${what}:${room.key}`;
    let busy = this.#busy.get(key);
    if (!busy) this.#busy.set(key, (busy = job().finally(() => this.#busy.delete(key))));
    return busy;
  }

  #path(place: Place): string {
    if (place.kind === "direct") return `/direct/${place.id}/messages`;
    const groupId = this.#w.groups.channel(place.id)?.groupId;
    if (groupId === undefined) throw ownProblem("channel_not_found", "This channel is gone, or you may not read it.");
    return `/groups/${groupId}/channels/${place.id}/messages`;
  }

  #changed(key: PlaceKey): void {
    this.#w.changes.note(key);
  }
}

/** Messages of a page, as a run; without any, one that begins after a seq. */
function runOf(messages: readonly Message[], after: number): Run {
  return new Run(messages[0] ? messages[0].seq - 1 : after, messages);
}

/** Whether it cannot be told if what was heard is counted in the messages already: replies, as events bring one more or less. */
function doubtful(messages: readonly Message[], since: readonly Heard[]): boolean {
  return since.some((event) => {
    if (event.name === "GROUP_MESSAGE_DELETED") return messages.some((m) => "channelId" in m && m.channelId === event.payload.channelId);
    if (event.name !== "GROUP_MESSAGE_SENT" && event.name !== "GROUP_MESSAGE_RECEIVE") return false;
    const { channelId, threadId } = event.payload;
    return threadId !== undefined && messages.some((m) => "channelId" in m && m.channelId === channelId && m.messageId === threadId);
  });
}

