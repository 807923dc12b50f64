import { randomId } from "./ids.js";
import type { Keep } from "./storage.js";

/** Has one job of a name done at a time, in all tabs together. */
export interface Locks {
  /** Does the job as soon as nobody else has the lock, and keeps it until the job is done. Gives up with the signal, unless the job has begun. */
  hold<T>(name: string, job: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/** What is needed of navigator.locks. */
export interface WebLocks {
  request<T>(name: string, options: { signal?: AbortSignal }, job: () => Promise<T>): Promise<T>;
}

/** The browser's own locks, which end with the tab. They are there on secure pages only. */
export function webLocks(locks: WebLocks, prefix: string): Locks {
  return { hold: (name, job, signal) => locks.request(prefix + name, signal ? { signal } : {}, job) };
}

/** How long a lease is good, in milliseconds: longer than the minute after which browsers let timers of a hidden tab run. */
const leaseTime = 100_000;
const renewTime = 25_000;
/** How long it takes at most until what one tab writes is what another reads. */
const settleTime = 50;
const askTime = 250;

interface Lease {
  owner: string;
  until: number;
}

/**
 * Locks made of notes in the storage, for pages where the browser has none: whoever writes its name last, has it. A tab that ends without
 * giving its lock back keeps it until the lease is over.
 */
export class Leases implements Locks {
  readonly #keep: Keep;
  readonly #owner = randomId();
  readonly #held = new Set<string>();
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(keep: Keep) {
    this.#keep = keep;
  }

  hold<T>(name: string, job: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#queues.get(name) ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(() => this.#hold(name, job, signal));
    this.#queues.set(name, mine);
    return mine;
  }

  /** Gives back all locks: the page is about to end. */
  release(): void {
    for (const name of this.#held) this.#keep.remove(keyOfLock(name));
    this.#held.clear();
  }

  async #hold<T>(name: string, job: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const key = keyOfLock(name);
    await this.#acquire(key, signal);
    this.#held.add(name);
    const renewing = setInterval(() => this.#write(key), renewTime);
    try {
      return await job();
    } finally {
      clearInterval(renewing);
      this.#held.delete(name);
      if ((this.#keep.get(key) as Lease | undefined)?.owner === this.#owner) this.#keep.remove(key);
    }
  }

  async #acquire(key: string, signal?: AbortSignal): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      const lease = this.#keep.get(key) as Lease | undefined;
      if (!lease || lease.until < Date.now()) {
        this.#write(key);
        await sleep(settleTime * (1 + Math.random()));
        const now = this.#keep.get(key) as Lease | undefined;
        if (!now || now.owner === this.#owner) return; // it is ours, or nothing can be kept at all
      } else {
        await sleep(askTime);
      }
    }
  }

  #write(key: string): void {
    this.#keep.set(key, { owner: this.#owner, until: Date.now() + leaseTime } satisfies Lease);
  }
}

/** Locks of one program alone. */
export class LocalLocks implements Locks {
  readonly #queues = new Map<string, Promise<unknown>>();

  hold<T>(name: string, job: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#queues.get(name) ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(() => {
      signal?.throwIfAborted();
      return job();
    });
    this.#queues.set(name, mine);
    return mine;
  }
}

function keyOfLock(name: string): string {
  return `lock:${name}`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
