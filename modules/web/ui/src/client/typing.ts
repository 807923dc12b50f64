import type { Changes } from "./changes.js";
import type { Connection } from "./connection.js";
import type { Id } from "./types.js";

/** Typing is told this often while it goes on, and ends by itself after a pause. Milliseconds. */
const repeat = 3_000;
const idle = 5_000;

type Timer = ReturnType<typeof setTimeout>;

/** Who is typing where: others, and oneself. */
export class Typing {
  readonly #changes: Changes;
  readonly #connection: Connection;
  readonly #others = new Map<Id, Map<Id, Timer>>();
  readonly #shown = new Map<Id, readonly Id[]>();
  readonly #own = new Map<Id, { told: number; end: Timer }>();

  constructor(changes: Changes, connection: Connection) {
    this.#changes = changes;
    this.#connection = connection;
  }

  in(channelId: Id): readonly Id[] {
    return this.#shown.get(channelId) ?? none;
  }

  heard(channelId: Id, userId: Id, expiresInMs: number): void {
    const users = this.#others.get(channelId) ?? new Map<Id, Timer>();
    this.#others.set(channelId, users);
    const before = users.get(userId);
    clearTimeout(before);
    users.set(userId, setTimeout(() => this.ended(channelId, userId), expiresInMs));
    if (!before) this.#show(channelId, users);
  }

  /** Somebody types no longer, or has sent a message. */
  ended(channelId: Id, userId: Id): void {
    const users = this.#others.get(channelId);
    const timer = users?.get(userId);
    if (!users || !timer) return;
    clearTimeout(timer);
    users.delete(userId);
    this.#show(channelId, users);
  }

  /** Nobody is known to type any more: the connection is gone, or the client is to end. */
  clear(): void {
    for (const [channelId, users] of this.#others) {
      for (const userId of [...users.keys()]) this.ended(channelId, userId);
    }
    for (const { end } of this.#own.values()) clearTimeout(end);
    this.#own.clear();
  }

  /** The user has pressed a key. */
  typed(channelId: Id): void {
    const own = this.#own.get(channelId);
    clearTimeout(own?.end);
    const end = setTimeout(() => this.stopped(channelId), idle);
    const due = !own || Date.now() - own.told >= repeat;
    this.#own.set(channelId, { told: due ? Date.now() : own.told, end });
    if (due) this.#tell(channelId, true);
  }

  /** The user types no longer. With a message the others know it by that. */
  stopped(channelId: Id, sent = false): void {
    const own = this.#own.get(channelId);
    if (!own) return;
    clearTimeout(own.end);
    this.#own.delete(channelId);
    if (!sent) this.#tell(channelId, false);
  }

  #tell(channelId: Id, typing: boolean): void {
    // What gets lost of this is not missed.
    if (this.#connection.listening) void this.#connection.say("TYPING", { channelId, typing }).catch(() => undefined);
  }

  #show(channelId: Id, users: ReadonlyMap<Id, Timer>): void {
    this.#shown.set(channelId, [...users.keys()]);
    this.#changes.note(`typing:${channelId}`);
  }
}

const none: readonly Id[] = [];
