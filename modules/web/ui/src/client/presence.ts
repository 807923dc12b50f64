import type { Changes } from "./changes.js";
import type { Connection } from "./connection.js";
import type { Id, Presence as Told } from "./types.js";

const most = 200;
/** A list that changes is told after it has not changed for so long; one that was refused is told again after so long. Milliseconds. */
const settle = 200;
const again = 5_000;

/** Who is there, of those who are shown; and whether the user is. */
export class Presence {
  readonly #changes: Changes;
  readonly #connection: Connection;
  readonly #known = new Map<Id, Told>();
  #watched: readonly Id[] = [];
  #told: readonly Id[] | undefined;
  #away = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(changes: Changes, connection: Connection) {
    this.#changes = changes;
    this.#connection = connection;
  }

  of(userId: Id): Told | undefined {
    return this.#known.get(userId);
  }

  watch(userIds: Iterable<Id>): void {
    const watched = [...new Set(userIds)].slice(0, most).sort((a, b) => a - b);
    if (same(watched, this.#watched)) return;
    this.#watched = watched;
    this.#schedule(settle);
  }

  setAway(away: boolean): void {
    if (away === this.#away) return;
    this.#away = away;
    this.#tellState();
  }

  /** There is a new connection, which knows nothing yet. */
  connected(): void {
    this.#told = undefined;
    if (this.#watched.length > 0) this.#schedule(0);
    if (this.#away) this.#tellState();
  }

  heard(told: Told): void {
    const old = this.#known.get(told.userId);
    if (old?.state === told.state && old.lastSeen === told.lastSeen) return;
    this.#known.set(told.userId, told);
    this.#changes.note("presence");
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#tell(), ms);
  }

  async #tell(): Promise<void> {
    const watched = this.#watched;
    if (!this.#connection.listening || (this.#told && same(watched, this.#told))) return;
    this.#told = watched;
    const answer = await this.#connection.say<{ presences: Told[] }>("PRESENCE_SUBSCRIBE", { userIds: watched }).catch(() => undefined);
    if (this.#told !== watched) return; // another list has taken its place
    if (answer?.ok) this.#take(answer.presences);
    else {
      this.#told = undefined;
      this.#schedule(again);
    }
  }

  /** Takes how it is with all who are watched: of others nothing is known any more. */
  #take(presences: readonly Told[]): void {
    const now = new Set(presences.map((p) => p.userId));
    for (const id of this.#known.keys()) if (!now.has(id)) this.#known.delete(id);
    for (const told of presences) this.#known.set(told.userId, told);
    this.#changes.note("presence");
  }

  #tellState(): void {
    // A new connection is told anew, so what gets lost is told then.
    if (!this.#connection.listening) return;
    void this.#connection.say("PRESENCE", { state: this.#away ? "away" : "online" }).catch(() => undefined);
  }
}

function same(a: readonly Id[], b: readonly Id[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
