import type { Changes } from "./changes.js";
import type { Chat, Id, PersonalMessage, Position } from "./types.js";

/** How many chats a page has, as far as there are so many. */
export const chatsOnPage = 100;

/** The personal chats of the user that are known: the latest ones, and those that were looked at. */
export class Chats {
  readonly #changes: Changes;
  readonly #chats = new Map<Id, Chat>();
  #list: readonly Chat[] | undefined;
  /** There are older ones on the server. */
  more = false;

  constructor(changes: Changes) {
    this.#changes = changes;
  }

  /** The one with the latest message first. */
  get list(): readonly Chat[] {
    return (this.#list ??= [...this.#chats.values()].sort((a, b) => b.lastMessage.messageId - a.lastMessage.messageId));
  }

  /** By the other one. */
  get(userId: Id): Chat | undefined {
    return this.#chats.get(userId);
  }

  /** Takes the latest chats, more if there are older ones. Of those only what is kept stays, as they may be out of date. */
  takeLatest(told: readonly Chat[], more: boolean, kept: (userId: Id) => boolean): void {
    const listed = new Set(told.map((c) => c.user.id));
    for (const id of this.#chats.keys()) {
      if (!listed.has(id) && !kept(id)) this.#chats.delete(id);
    }
    this.more = more;
    this.add(told);
  }

  /** Adds chats, or puts them in the place of what is known of them. */
  add(told: readonly Chat[]): void {
    for (const chat of told) this.#chats.set(chat.user.id, chat);
    this.#changed();
  }

  /** Adds the page of chats that follows those that are here. */
  addOlder(told: readonly Chat[]): void {
    this.more = told.length === chatsOnPage;
    this.add(told);
  }

  update(userId: Id, change: Partial<Chat>): void {
    const old = this.#chats.get(userId);
    if (!old) return;
    this.#chats.set(userId, { ...old, ...change });
    this.#changed();
  }

  /** The latest message of a chat, if it is later than the one that is known. */
  latest(userId: Id, message: PersonalMessage): void {
    const old = this.#chats.get(userId);
    if (old && message.seq >= old.lastMessage.seq) this.update(userId, { lastMessage: message });
  }

  /** How far the other one has got, which only goes forwards. */
  advanceOther(userId: Id, told: Partial<Position>): void {
    const old = this.#chats.get(userId);
    if (!old) return;
    const other = { ...old.other };
    if ((told.deliveredSeq ?? 0) > other.deliveredSeq) Object.assign(other, at("delivered", told.deliveredSeq, told.deliveredAt));
    if ((told.readSeq ?? 0) > other.readSeq) Object.assign(other, at("read", told.readSeq, told.readAt));
    this.update(userId, { other });
  }

  #changed(): void {
    this.#list = undefined;
    this.#changes.note("chats");
  }
}

function at(what: "delivered" | "read", seq: number | undefined, time: string | undefined): Partial<Position> {
  return { [`${what}Seq`]: seq, ...(time ? { [`${what}At`]: time } : {}) };
}
