import { placeOf } from "./places.js";
import type { Conversation, Message, Pending, Place, PlaceKey, Segment } from "./parley.js";
import type { Run } from "./run.js";
import type { Id } from "./types.js";

/** How far the user, and the place itself, have got. */
export interface Cursor {
  readonly lastSeq: number;
  readonly readSeq: number;
  readonly unread: number;
  readonly mentions: number;
}

/** How far somebody else has got. */
export interface Progress {
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

export const nowhere: Cursor = { lastSeq: 0, readSeq: 0, unread: 0, mentions: 0 };
const nothing: Segment = { messages: [], hasOlder: false, hasNewer: false };

/** What is known of what was said in a place: the newest messages, and a part further back while somebody looks at it. */
export class Room {
  readonly key: PlaceKey;
  readonly place: Place;
  /** The newest messages, to which new ones are added. Undefined until they were fetched. */
  live: Run | undefined;
  /** The part around a message that was jumped to, as long as it does not touch the newest ones. */
  apart: Run | undefined;
  counts: Conversation["counts"] = {};
  /** Grows with each visit of any room. */
  visited = 0;

  #receipts: ReadonlyMap<Id, Progress> = new Map();
  #conversation: Conversation | undefined;

  constructor(key: PlaceKey) {
    this.key = key;
    this.place = placeOf(key);
  }

  get shown(): Run | undefined {
    return this.apart ?? this.live;
  }

  get loaded(): boolean {
    return Boolean(this.live ?? this.apart);
  }

  at(seq: number): Message | undefined {
    return this.live?.at(seq) ?? this.apart?.at(seq);
  }

  find(messageId: Id): Message | undefined {
    return this.live?.find(messageId) ?? this.apart?.find(messageId);
  }

  replace(message: Message): void {
    this.live?.replace(message);
    this.apart?.replace(message);
  }

  /** Shows the part apart no longer, or as one with the newest messages if it touches them. */
  join(): void {
    const { live, apart } = this;
    if (!live || !apart || apart.last < live.after) return;
    live.prepend(apart.messages);
    this.apart = undefined;
  }

  forget(): void {
    this.live = this.apart = undefined;
  }

  receipt(userId: Id): Progress | undefined {
    return this.#receipts.get(userId);
  }

  /** Takes how far others have got, which only goes forwards. Says whether that is news. */
  advance(told: Iterable<readonly [Id, Partial<Progress>]>): boolean {
    let receipts: Map<Id, Progress> | undefined;
    for (const [id, { deliveredSeq = 0, readSeq = 0 }] of told) {
      const old = (receipts ?? this.#receipts).get(id) ?? { deliveredSeq: 0, readSeq: 0 };
      const now = { deliveredSeq: Math.max(old.deliveredSeq, deliveredSeq, readSeq), readSeq: Math.max(old.readSeq, readSeq) };
      if (now.deliveredSeq === old.deliveredSeq && now.readSeq === old.readSeq) continue;
      receipts ??= new Map(this.#receipts);
      receipts.set(id, now);
    }
    if (receipts) this.#receipts = receipts;
    return Boolean(receipts);
  }

  /** The room as applications see it; the same object, and the same parts of it, as long as nothing changes. */
  conversation(cursor: Cursor, pending: readonly Pending[]): Conversation {
    const { lastSeq, readSeq, unread, mentions } = cursor;
    const next: Conversation = {
      key: this.key, place: this.place, segment: this.#segment(), pending, lastSeq, readSeq, unread, mentions,
      loaded: this.loaded, receipts: this.#receipts, counts: this.counts,
    };
    const old = this.#conversation;
    if (old && (Object.keys(next) as (keyof Conversation)[]).every((field) => old[field] === next[field])) return old;
    return (this.#conversation = next);
  }

  #segment(): Segment {
    const { shown } = this;
    if (!shown) return nothing;
    const next: Segment = { messages: shown.messages, hasOlder: shown.after > 0, hasNewer: shown === this.apart };
    const old = this.#conversation?.segment;
    return old && old.messages === next.messages && old.hasOlder === next.hasOlder && old.hasNewer === next.hasNewer ? old : next;
  }
}
