import type { Connection } from "./connection.js";
import { placeOf } from "./places.js";
import type { PlaceKey } from "./parley.js";

export type Report = "MESSAGE_DELIVERED" | "MESSAGE_READ";

interface Line {
  wanted: number;
  told: number;
  busy: boolean;
  failures: number;
}

/** Reports of a moment go together; one that got lost is repeated after a while, longer each time. Milliseconds. */
const moment = { MESSAGE_DELIVERED: 250, MESSAGE_READ: 50 };
const shortestPause = 1_000;
const longestPause = 30_000;

/** Tells the server how far this device, and the user, have got: the latest seq only, until it has said that it knows. */
export class Reports {
  readonly #connection: Connection;
  readonly #lines = new Map<`${Report}:${PlaceKey}`, Line>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The device has everything up to seq, or the user has read it. */
  report(what: Report, key: PlaceKey, seq: number): void {
    if (what === "MESSAGE_DELIVERED" && this.wanted("MESSAGE_READ", key) >= seq) return; // which takes it in
    const line = this.#line(what, key);
    if (seq <= line.wanted) return;
    line.wanted = seq;
    this.#later(what, key, line, moment[what]);
  }

  /** How far has been reported, or will be. */
  wanted(what: Report, key: PlaceKey): number {
    return this.#lines.get(`${what}:${key}`)?.wanted ?? 0;
  }

  /** There is a new connection: what the server has not said that it knows is told at once. */
  connected(): void {
    for (const [name, line] of this.#lines) {
      const [what, key] = name.split(":") as [Report, PlaceKey];
      line.failures = 0;
      if (line.told < line.wanted) void this.#tell(what, key, line);
    }
  }

  /** Forgets what was to be told of a place. */
  forget(key: PlaceKey): void {
    this.#lines.delete(`MESSAGE_DELIVERED:${key}`);
    this.#lines.delete(`MESSAGE_READ:${key}`);
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#lines.clear();
  }

  #line(what: Report, key: PlaceKey): Line {
    const name = `${what}:${key}` as const;
    let line = this.#lines.get(name);
    if (!line) this.#lines.set(name, (line = { wanted: 0, told: 0, busy: false, failures: 0 }));
    return line;
  }

  #later(what: Report, key: PlaceKey, line: Line, ms: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#tell(what, key, line);
    }, ms);
    this.#timers.add(timer);
  }

  async #tell(what: Report, key: PlaceKey, line: Line): Promise<void> {
    if (line.busy || line.told >= line.wanted || this.#lines.get(`${what}:${key}`) !== line) return;
    if (!this.#connection.listening) return; // connected goes on with it
    line.busy = true;
    const seq = line.wanted;
    const place = placeOf(key);
    const where = place.kind === "channel" ? { channelId: place.id } : { userId: place.id };
    const answer = await this.#connection.say(what, { ...where, seq }).catch(() => undefined);
    line.busy = false;
    if (answer?.ok) {
      line.told = seq;
      line.failures = 0;
    } else {
      line.failures++;
    }
    if (line.told < line.wanted) this.#later(what, key, line, Math.min(line.failures && shortestPause * 2 ** (line.failures - 1), longestPause));
  }
}
