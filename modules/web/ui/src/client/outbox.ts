import type { Changes } from "./changes.js";
import type { Http } from "./http.js";
import { randomId } from "./ids.js";
import type { Locks } from "./locks.js";
import type { Pending, Place, PlaceKey } from "./parley.js";
import { keyOf } from "./places.js";
import { ownProblem, ProblemError } from "./problem.js";
import { without } from "./records.js";
import type { Keep } from "./storage.js";
import type { Id } from "./types.js";

/** A message that waits, as it is kept. */
interface Kept extends Omit<Pending, "hash" | "place"> {
  place: Place;
  /** The page that sends it. */
  owner: string;
  /** In which order messages were written: larger is later. */
  order: number;
}

interface Entry extends Kept {
  hash: string;
  /** The message has this number, but is not shown in its place yet. */
  seq?: number;
  pending: Pending;
  /** Sends it again if it was accepted, but nothing has come of it. */
  timer?: ReturnType<typeof setTimeout>;
}

/** An accepted message of which nothing is heard is sent again after so many milliseconds: with its hash, that does no harm. */
const silence = 30_000;
const none: readonly Pending[] = [];

export interface OutboxOptions {
  changes: Changes;
  http: Http;
  keep: Keep;
  locks: Locks;
  userId: Id;
  /** The group of a channel; undefined if the user may not read it (any more). */
  groupOf(channelId: Id): Id | undefined;
  /** How far all messages of a place are shown; undefined if none are. */
  shownUpTo(key: PlaceKey): number | undefined;
  /** Resolves once it is known which channels there are. */
  known: Promise<void>;
}

/**
 * Messages that the server has not confirmed yet. They are kept in the storage, where all tabs see them, and each is sent by the page that
 * it was written on; if that ends, by another one, or by the next.
 */
export class Outbox {
  readonly #o: OutboxOptions;
  readonly #page = randomId();
  readonly #entries = new Map<string, Entry>();
  readonly #shown = new Map<PlaceKey, readonly Pending[]>();
  readonly #sending = new Map<PlaceKey, Promise<void>>();
  readonly #owners = new Set<string>();
  readonly #life = new AbortController();
  #order = 0;

  constructor(options: OutboxOptions) {
    this.#o = options;
  }

  /** Begins with what is kept. */
  start(): void {
    const ended = new Promise<void>((resolve) => this.#life.signal.addEventListener("abort", () => resolve()));
    void this.#o.locks.hold(lockOf(this.#page), () => ended, this.#life.signal).catch(() => undefined); // ended first
    for (const key of this.#o.keep.keys(this.#prefix)) this.stored(key);
  }

  /** Gives up everything, without forgetting it. */
  stop(): void {
    this.#life.abort();
    for (const entry of this.#entries.values()) clearTimeout(entry.timer);
  }

  /** Forgets everything: the user has signed out. */
  forget(): void {
    this.stop();
    for (const key of this.#o.keep.keys(this.#prefix)) this.#o.keep.remove(key);
  }

  /** Those of a place, in the order in which they were sent. */
  of(key: PlaceKey): readonly Pending[] {
    let shown = this.#shown.get(key);
    if (!shown) {
      const entries = [...this.#entries.values()].filter((e) => keyOf(e.place) === key).sort((a, b) => a.order - b.order);
      this.#shown.set(key, (shown = entries.length > 0 ? entries.map((e) => e.pending) : none));
    }
    return shown;
  }

  /** Takes a message to be sent; returns its hash. */
  add(place: Place, content: string, replyTo?: Id): string {
    const hash = randomId();
    const kept: Kept = {
      place, content, createdAt: new Date().toISOString(), state: "waiting", owner: this.#page, order: this.#nextOrder(),
      ...(replyTo === undefined ? {} : { replyTo }),
    };
    this.#put(hash, kept);
    this.#send(hash);
    return hash;
  }

  retry(hash: string): void {
    const entry = this.#entries.get(hash);
    if (entry?.state !== "failed") return;
    this.#put(hash, { ...without(entry, "problem"), state: "waiting", owner: this.#page, order: this.#nextOrder() });
    this.#send(hash);
  }

  discard(hash: string): void {
    if (this.#entries.get(hash)?.state === "failed") this.#remove(hash);
  }

  /** A message with that hash is kept by the server, as number seq of its place: it waits no longer, once it is shown there. */
  confirm(key: PlaceKey, hash: string, seq: number): void {
    const entry = this.#entries.get(hash);
    if (!entry || keyOf(entry.place) !== key) return;
    entry.seq = seq;
    clearTimeout(entry.timer);
    this.#o.keep.remove(this.#prefix + hash);
    this.settle(key);
  }

  /** More messages of a place are shown: those of them that have waited do so no longer. */
  settle(key: PlaceKey): void {
    const upTo = this.#o.shownUpTo(key) ?? Infinity;
    for (const entry of this.#entries.values()) {
      if (entry.seq !== undefined && entry.seq <= upTo && keyOf(entry.place) === key) this.#remove(entry.hash);
    }
  }

  /** An accepted message could not be kept, or was refused. */
  fail(key: PlaceKey, hash: string, code: string, detail: string): void {
    const entry = this.#entries.get(hash);
    if (!entry || keyOf(entry.place) !== key || entry.seq !== undefined) return;
    this.#put(hash, { ...entry, state: "failed", problem: { code, detail } });
  }

  /** Something of the outbox was stored, or removed, by this page or by another one. */
  stored(key: string): void {
    if (!key.startsWith(this.#prefix)) return;
    const hash = key.slice(this.#prefix.length);
    const kept = this.#o.keep.get(key) as Kept | undefined;
    const entry = this.#entries.get(hash);
    if (kept && entry?.owner === this.#page && kept.owner === this.#page) return; // what we have written ourselves
    if (kept) {
      this.#order = Math.max(this.#order, kept.order);
      this.#show(hash, kept);
      this.#adopt(kept.owner);
    } else if (entry && entry.owner !== this.#page) {
      this.#drop(hash);
    }
  }

  get #prefix(): string {
    return `outbox:${this.#o.userId}:`;
  }

  #nextOrder(): number {
    return (this.#order = Math.max(this.#order + 1, Date.now()));
  }

  /** Sends what another page has left, as soon as that has ended. */
  #adopt(owner: string): void {
    if (owner === this.#page || this.#owners.has(owner)) return;
    this.#owners.add(owner);
    const take = (): Promise<void> => {
      const left = [...this.#entries.values()].filter((e) => e.owner === owner).sort((a, b) => a.order - b.order);
      for (const { hash } of left) {
        const kept = this.#o.keep.get(this.#prefix + hash) as Kept | undefined;
        if (!kept || kept.owner !== owner) continue; // another page was faster
        this.#put(hash, { ...kept, owner: this.#page, ...(kept.state === "accepted" ? { state: "waiting" as const } : {}) });
        if (kept.state !== "failed") this.#send(hash);
      }
      this.#owners.delete(owner);
      return Promise.resolve();
    };
    void this.#o.locks.hold(lockOf(owner), take, this.#life.signal).catch(() => undefined); // ended first
  }

  /** Sends a message after those of its place that were written before it. */
  #send(hash: string): void {
    const entry = this.#entries.get(hash);
    if (!entry) return;
    const key = keyOf(entry.place);
    const before = this.#sending.get(key) ?? Promise.resolve();
    const sent = before.then(() => this.#sendNow(hash));
    this.#sending.set(key, sent);
    void sent.then(() => {
      if (this.#sending.get(key) === sent) this.#sending.delete(key);
    });
  }

  async #sendNow(hash: string): Promise<void> {
    const entry = this.#entries.get(hash);
    if (!entry || entry.state === "failed" || entry.seq !== undefined) return;
    const { place, content, replyTo } = entry;
    try {
      await this.#o.known;
      if (this.#life.signal.aborted) return;
      await this.#o.http.ask("POST", this.#path(place), { body: { content, hash, ...(replyTo === undefined ? {} : { replyTo }) } });
      this.#accepted(hash);
    } catch (error) {
      if (this.#life.signal.aborted) return;
      if (!(error instanceof ProblemError)) throw error;
      this.fail(keyOf(place), hash, error.code, error.message);
    }
  }

  #path(place: Place): string {
    if (place.kind === "direct") return `/direct/${place.id}/messages`;
    const groupId = this.#o.groupOf(place.id);
    if (groupId === undefined) throw ownProblem("channel_not_found", "This channel is gone, or you may not write to it any more.");
    return `/groups/${groupId}/channels/${place.id}/messages`;
  }

  #accepted(hash: string): void {
    const entry = this.#entries.get(hash);
    if (!entry || entry.state === "failed" || entry.seq !== undefined) return;
    if (entry.state === "waiting") this.#put(hash, { ...entry, state: "accepted" });
    const now = this.#entries.get(hash) ?? entry;
    now.timer = setTimeout(() => this.#send(hash), silence);
  }

  #put(hash: string, told: Kept): void {
    const { place, content, createdAt, state, owner, order, replyTo, problem } = told;
    const kept: Kept = {
      place, content, createdAt, state, owner, order, ...(replyTo === undefined ? {} : { replyTo }), ...(problem ? { problem } : {}),
    };
    this.#o.keep.set(this.#prefix + hash, kept);
    this.#show(hash, kept);
  }

  #show(hash: string, kept: Kept): void {
    clearTimeout(this.#entries.get(hash)?.timer);
    this.#entries.set(hash, { ...kept, hash, pending: { hash, ...without(kept, "owner", "order") } });
    this.#changed(keyOf(kept.place));
  }

  #remove(hash: string): void {
    this.#o.keep.remove(this.#prefix + hash);
    this.#drop(hash);
  }

  #drop(hash: string): void {
    const entry = this.#entries.get(hash);
    if (!entry) return;
    clearTimeout(entry.timer);
    this.#entries.delete(hash);
    this.#changed(keyOf(entry.place));
  }

  #changed(key: PlaceKey): void {
    this.#shown.delete(key);
    this.#o.changes.note(key);
  }
}

/** The lock that a page holds for as long as it lives. */
function lockOf(page: string): string {
  return `page:${page}`;
}
