import type { Changes } from "./changes.js";
import type { Chats } from "./chats.js";
import type { Groups } from "./groups.js";
import { counts, mentions } from "./messages.js";
import type { Message, PlaceKey } from "./parley.js";
import { placeOf } from "./places.js";
import type { Cursor } from "./room.js";
import type { Rooms } from "./rooms.js";
import { without } from "./records.js";
import type { Id } from "./types.js";

/**
 * How far the user has got in each place, and how much is unread there. Where all messages since are here, they are counted; elsewhere the
 * server's numbers are carried on.
 */
export class Ledger {
  readonly #me: Id;
  readonly #groups: Groups;
  readonly #chats: Chats;
  readonly #rooms: Rooms;
  readonly #changes: Changes;

  constructor(me: Id, groups: Groups, chats: Chats, rooms: Rooms, changes: Changes) {
    this.#me = me;
    this.#groups = groups;
    this.#chats = chats;
    this.#rooms = rooms;
    this.#changes = changes;
  }

  /** Undefined where there is nothing yet, or the user may not read. */
  get(key: PlaceKey): Cursor | undefined {
    const place = placeOf(key);
    if (place.kind === "channel") return this.#groups.channel(place.id);
    const chat = this.#chats.get(place.id);
    return chat && { lastSeq: chat.lastSeq, readSeq: chat.readSeq, unread: chat.unread, mentions: 0 };
  }

  set(key: PlaceKey, change: Partial<Cursor>): void {
    const place = placeOf(key);
    if (place.kind === "channel") this.#groups.updateChannel(place.id, change);
    else {
      this.#chats.update(place.id, without(change, "mentions"));
    }
    this.#changes.note(key);
  }

  /** A message is the next one of its place. */
  next(key: PlaceKey, message: Message): void {
    const old = this.get(key);
    if (!old) return;
    const fresh = message.seq > old.readSeq;
    this.set(key, {
      lastSeq: message.seq,
      ...(fresh && counts(message, this.#me) ? { unread: old.unread + 1 } : {}),
      ...(fresh && mentions(message, this.#me) ? { mentions: old.mentions + 1 } : {}),
    });
  }

  /** A message has been replaced: it may be unread no longer, or mention somebody else. */
  replaced(key: PlaceKey, before: Message, after: Message): void {
    const old = this.get(key);
    if (!old || before.seq <= old.readSeq || this.recount(key)) return;
    const unread = old.unread - Number(counts(before, this.#me)) + Number(counts(after, this.#me));
    const mentioned = old.mentions - Number(mentions(before, this.#me)) + Number(mentions(after, this.#me));
    if (unread !== old.unread || mentioned !== old.mentions) this.set(key, { unread: Math.max(0, unread), mentions: Math.max(0, mentioned) });
  }

  /**
   * The user has read on, up to seq. told is what the server says is left then, if it has said so. Returns false if what is left is not known
   * for certain.
   */
  read(key: PlaceKey, seq: number, told?: { unread: number; mentions?: number }): boolean {
    const old = this.get(key);
    if (!old || seq < old.readSeq) return true;
    if (seq > old.readSeq) this.set(key, { readSeq: seq });
    if (this.recount(key)) return true;
    if (seq >= old.lastSeq) {
      this.set(key, { unread: 0, mentions: 0 });
      return true;
    }
    if (told) this.set(key, { unread: told.unread, mentions: told.mentions ?? 0 });
    return old.unread === 0;
  }

  /** Counts what is unread, if all that may be unread is here. */
  recount(key: PlaceKey): boolean {
    const cursor = this.get(key);
    const run = this.#rooms.get(key)?.live;
    if (!cursor || !run || run.last !== cursor.lastSeq || run.after > cursor.readSeq) return false;
    let unread = 0;
    let mentioned = 0;
    for (let seq = cursor.readSeq + 1; seq <= run.last; seq++) {
      const message = run.at(seq);
      if (!message) continue;
      if (counts(message, this.#me)) unread++;
      if (mentions(message, this.#me)) mentioned++;
    }
    if (unread !== cursor.unread || mentioned !== cursor.mentions) this.set(key, { unread, mentions: mentioned });
    return true;
  }
}
