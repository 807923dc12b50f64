import type { Http } from "./http.js";
import type { Inbox } from "./inbox.js";
import type { PlaceKey } from "./parley.js";
import { placeOf } from "./places.js";
import { ProblemError } from "./problem.js";
import type { Missed, SyncRequest } from "./wire.js";

/** How much of a place is asked for with one request at most, and of how many places. */
const mostPlaces = 500;

/** Who keeps the copy that is to be brought up to date. */
export interface Copy {
  /** Every place whose messages are here, and up to which seq. */
  positions(): Map<PlaceKey, number>;
  /** Up to which seq the copy has one place; undefined if there is no such place. */
  position(key: PlaceKey): number | undefined;
  /** Takes an answer; returns what else it makes the client ask for, by place. */
  take(answer: Missed): Map<PlaceKey, number>;
}

/**
 * Asks for what was missed, with one request at a time: of everything, or of places of which something is missing. It goes on until
 * nothing is.
 */
export class Sync {
  /** Grows each time that everything is asked for. */
  epoch = 0;

  readonly #http: Http;
  readonly #inbox: Inbox;
  readonly #copy: Copy;
  readonly #fault: () => void;
  #token: string | undefined;
  /** Where everything that is to be asked for goes on from; undefined if nothing is. */
  #everything: Map<PlaceKey, number> | undefined;
  #asking = false;
  #places = new Map<PlaceKey, number>();
  #running: Promise<void> | undefined;

  /** fault is told of requests about places that failed: they are made again with the next catching up. */
  constructor(http: Http, inbox: Inbox, copy: Copy, fault: () => void) {
    this.#http = http;
    this.#inbox = inbox;
    this.#copy = copy;
    this.#fault = fault;
  }

  /** Everything is being asked for at the moment, or will be. */
  get busy(): boolean {
    return this.#asking || this.#everything !== undefined;
  }

  /**
   * Fetches everything that was missed until now. Resolves once nothing is missing. It may have to wait for other requests, while events go on: so it
   * is noted now how far everything is here.
   */
  catchUp(): Promise<void> {
    this.epoch++;
    this.#everything = lowest(this.#copy.positions(), this.#everything);
    return this.#run();
  }

  /** Fetches what is missing of a place: what comes after seq, by default after what is here. */
  about(key: PlaceKey, seq?: number): void {
    this.#places.set(key, Math.min(seq ?? Infinity, this.#places.get(key) ?? Infinity));
    this.#run().catch(() => this.#fault());
  }

  #run(): Promise<void> {
    // What is asked for in one go, events that follow one another, is asked for with one request.
    this.#running ??= Promise.resolve().then(() => this.#work());
    return this.#running;
  }

  async #work(): Promise<void> {
    try {
      while (this.busy || this.#places.size > 0) await this.#round();
    } finally {
      this.#running = undefined; // at once, so that whoever asks from now on is not taken for one who was answered
    }
  }

  #round(): Promise<void> {
    const from = this.#everything;
    if (from) return this.#all(from);
    const places = this.#places;
    this.#places = new Map();
    return this.#ask(this.#known(places)).catch((error: unknown) => {
      this.#places = lowest(places, this.#places);
      throw error;
    });
  }

  async #all(from: Map<PlaceKey, number>): Promise<void> {
    const now = this.#copy.positions();
    const [first = {}, ...more] = requests(lowest(now, new Map([...from].filter(([key]) => now.has(key)))));
    this.#everything = undefined;
    this.#asking = true;
    const since = this.#token;
    try {
      await this.#ask([{ ...first, more: false, ...(since === undefined ? {} : { since }) }, ...more]);
    } catch (error) {
      this.#everything = lowest(from, this.#everything);
      if (since === undefined || !(error instanceof ProblemError) || error.status !== 400) throw error;
      this.#token = undefined; // another server's, say
    } finally {
      this.#asking = false;
    }
  }

  /** Sends requests, and what the answers have to be followed by. */
  async #ask(pending: SyncRequest[]): Promise<void> {
    while (pending.length > 0) {
      const body = pending.shift();
      const also = await this.#http.repeat(() => this.#inbox.during(
        () => this.#http.once<Missed>("POST", "/sync", { body }),
        (answer) => {
          this.#token = answer.token ?? this.#token;
          const wanted = this.#copy.take(answer);
          if (answer.next) pending.unshift(...this.#nextOf(answer.next));
          return wanted;
        },
      ));
      pending.push(...requests(also));
    }
  }

  /** The next request, but for places of which nothing is wanted any more. */
  #nextOf(next: SyncRequest): SyncRequest[] {
    const channels = Object.entries(next.channels ?? {}).filter(([id]) => this.#copy.position(`c${Number(id)}`) !== undefined);
    const direct = Object.entries(next.direct ?? {}).filter(([id]) => this.#copy.position(`d${Number(id)}`) !== undefined);
    if (channels.length + direct.length === 0) return [];
    const changes = Object.entries(next.changes ?? {}).filter(([id]) => channels.some(([other]) => other === id));
    return [{ ...next, channels: Object.fromEntries(channels), direct: Object.fromEntries(direct), changes: Object.fromEntries(changes) }];
  }

  #known(places: ReadonlyMap<PlaceKey, number>): SyncRequest[] {
    const known = new Map<PlaceKey, number>();
    for (const [key, seq] of places) {
      const position = this.#copy.position(key) ?? (Number.isFinite(seq) ? seq : undefined);
      if (position !== undefined) known.set(key, Math.min(seq, position));
    }
    return requests(known);
  }
}

/** Of every place that is in either, the lowest seq. */
function lowest(one: ReadonlyMap<PlaceKey, number>, other: ReadonlyMap<PlaceKey, number> = new Map()): Map<PlaceKey, number> {
  const all = new Map(one);
  for (const [key, seq] of other) all.set(key, Math.min(seq, all.get(key) ?? Infinity));
  return all;
}

/** Requests for what was missed in places, each for as many as the server takes. */
function requests(positions: ReadonlyMap<PlaceKey, number>): SyncRequest[] {
  const all: SyncRequest[] = [];
  const entries = [...positions];
  for (let i = 0; i < entries.length; i += mostPlaces) {
    const request = { channels: {} as Record<string, number>, direct: {} as Record<string, number>, more: true };
    for (const [key, seq] of entries.slice(i, i + mostPlaces)) {
      const place = placeOf(key);
      request[place.kind === "channel" ? "channels" : "direct"][place.id] = seq;
    }
    all.push(request);
  }
  return all;
}
