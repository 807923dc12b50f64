import type { Id, Message, Pending } from "@/client";

/** A row of the list: a message, or one of one's own that is not confirmed yet, with what its neighbours make of it. */
export interface Row {
  /** The same before and after a message of one's own is confirmed. */
  readonly key: string;
  /** 0 as long as it is pending. */
  readonly seq: number;
  readonly senderId: Id;
  readonly item: Message | Pending;
  /** In milliseconds, as Date has them. */
  readonly at: number;
  /** It is the first one of its day, in the time zone of this device. */
  readonly startsDay: boolean;
  /** The first one that had not been read when the place was opened. */
  readonly unread: boolean;
  /** Its author has just said something else, and need not be named again. */
  readonly continued: boolean;
}

/** How long after a message the next one still belongs to it, in milliseconds. */
const togetherFor = 5 * 60_000;

export function isPending(item: Message | Pending): item is Pending {
  return "state" in item;
}

/**
 * Makes the rows of a list. It is called whenever something in a place changes, with all of its messages, so whatever is as it was before is the
 * same row as before: most of the work is to see that.
 */
export class RowMaker {
  readonly #made = new WeakMap<Message | Pending, Row>();

  /** unreadAfter is the seq after which the line of what is unread is drawn, undefined for none. */
  rows(messages: readonly Message[], pending: readonly Pending[], me: Id, unreadAfter: number | undefined): Row[] {
    const rows: Row[] = [];
    let before: Row | undefined;
    let readUntil = unreadAfter ?? Infinity;
    for (const message of messages) {
      const unread = message.seq > readUntil && message.senderId !== me;
      if (unread) readUntil = Infinity; // there is one line
      rows.push((before = this.#row(message, me, before, unread)));
    }
    for (const item of pending) rows.push((before = this.#row(item, me, before, false)));
    return rows;
  }

  #row(item: Message | Pending, me: Id, before: Row | undefined, unread: boolean): Row {
    const old = this.#made.get(item);
    const at = old?.at ?? Date.parse(item.createdAt);
    const senderId = isPending(item) ? me : item.senderId;
    const startsDay = !before || dayOf(before.at) !== dayOf(at);
    const continued = !startsDay && !unread && before.senderId === senderId && at - before.at < togetherFor && !isAnswer(item);
    if (old && old.startsDay === startsDay && old.continued === continued && old.unread === unread) return old;

    const row: Row = { key: keyOf(item, me), seq: isPending(item) ? 0 : item.seq, senderId, item, at, startsDay, unread, continued };
    this.#made.set(item, row);
    return row;
  }
}

/** An answer shows what it answers above the text, and so its author as well. */
function isAnswer(item: Message | Pending): boolean {
  return "replyTo" in item;
}

function keyOf(item: Message | Pending, me: Id): string {
  return isPending(item) || item.senderId === me ? `h${item.hash}` : `m${item.messageId}`;
}

/** The day of the last call, since neighbours nearly always are of one day, and Date is slow at it. */
const lastDay = { begin: 0, end: 0 };

/** The beginning of a moment's day in milliseconds. */
function dayOf(at: number): number {
  if (at < lastDay.begin || at >= lastDay.end) {
    const day = new Date(at);
    lastDay.begin = day.setHours(0, 0, 0, 0);
    lastDay.end = day.setDate(day.getDate() + 1);
  }
  return lastDay.begin;
}

/** What has become of a list from one time to the next. */
export interface Change {
  /** It shows another part of the place, and none of the rows before. */
  replaced: boolean;
  /** How many rows have come at the beginning; less than 0, how many have gone there. */
  atStart: number;
}

/** Compares the rows of a list with those before. A part of a place has no gaps, so that seq tells where one row is among the others. */
export function compare(before: readonly Row[], after: readonly Row[]): Change {
  const [first, last] = [before[0]?.seq ?? 0, lastSeq(before)];
  const [newFirst, newLast] = [after[0]?.seq ?? 0, lastSeq(after)];
  if (!last || !newLast) return { replaced: last !== newLast && (before.length === 0 || after.length === 0), atStart: 0 };
  if (newFirst > last + 1 || newLast < first - 1) return { replaced: true, atStart: 0 };
  return { replaced: false, atStart: first - newFirst };
}

/** The seq of the last confirmed message, 0 if there is none. */
export function lastSeq(rows: readonly Row[]): number {
  return rows.findLast((row) => row.seq > 0)?.seq ?? 0;
}

/** Where the message with a seq is in a list, -1 if it is not there. */
export function indexOf(rows: readonly Row[], seq: number): number {
  const index = seq - (rows[0]?.seq || seq + 1);
  return rows[index]?.seq === seq ? index : -1;
}
