/**
 * What the windows of one browser agree on, with Web Locks: they go away with a window, whatever becomes of it, and browsers do not freeze one
 * that holds a lock. Where there are none (pages without TLS), there are no notifications either.
 */
import type { PlaceKey } from "@/client";

/** What is needed of a LockManager. */
export interface Locks {
  request(name: string, options: LockOptions, work: () => Promise<void>): Promise<unknown>;
  query(): Promise<Pick<LockManagerSnapshot, "held">>;
}

const lead = "parley.notifies";
const shows = (key: PlaceKey): string => `parley.shows.${key}`;

/** Holds a lock until it is ended. */
function hold(locks: Locks, name: string, mode: LockMode, granted?: () => void): () => void {
  const ending = new AbortController();
  let release: (() => void) | undefined;
  locks
    .request(name, { mode, signal: ending.signal }, () => {
      granted?.();
      return new Promise<void>((resolve) => (release = resolve));
    })
    .catch((failure: unknown) => {
      if (!ending.signal.aborted) throw failure;
    });
  return () => {
    ending.abort();
    release?.();
  };
}

/** Which window speaks for all of them, and what they show. */
export class Windows {
  readonly #locks: Locks;
  #leads = false;
  readonly #endLead: () => void;
  #endShow: (() => void) | undefined;

  constructor(locks: Locks) {
    this.#locks = locks;
    this.#endLead = hold(locks, lead, "exclusive", () => (this.#leads = true));
  }

  /** Whether it is this window that speaks. */
  get leads(): boolean {
    return this.#leads;
  }

  /** Says what this window has in front of the user's eyes, in the place of what it said before. */
  show(key: PlaceKey | null): void {
    this.#endShow?.();
    this.#endShow = key === null ? undefined : hold(this.#locks, shows(key), "shared");
  }

  /** Whether any window has a place in front of the user's eyes. */
  async isShown(key: PlaceKey): Promise<boolean> {
    const { held = [] } = await this.#locks.query();
    return held.some((lock) => lock.name === shows(key));
  }

  /** Leaves it to the other windows. */
  end(): void {
    this.show(null);
    this.#endLead();
    this.#leads = false;
  }
}
