import { onTestFinished, vi } from "vitest";

import { createParley } from "../client.js";
import type { WebLocks } from "../locks.js";
import type { Message, Parley, Place } from "../parley.js";
import { MemoryStorage, type KeyValueStorage, type StorageWatcher } from "../storage.js";

import { FakeServer } from "./server.js";

export const general: Place = { kind: "channel", id: 11 };
export const random: Place = { kind: "channel", id: 12 };

/** A server with Ann (1), Ben (2) and Cleo (3), who share a group with two channels; time stands still unless a test lets it pass. */
export function scene(): FakeServer {
  vi.useFakeTimers({ now: Date.UTC(2026, 2, 2) });
  onTestFinished(() => void vi.useRealTimers());
  const server = new FakeServer();
  ["ann", "ben", "cleo"].forEach((name, i) => server.addUser(i + 1, name));
  server.addGroup(10, "Garden", [1, 2, 3], [11, 12]);
  return server;
}

/** Lets time pass, in milliseconds, with everything that happens then. */
export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** A browser: storage and locks that its tabs share. */
export class Browser {
  readonly #server: FakeServer;
  readonly #listeners = new Map<KeyValueStorage, (key: string | null) => void>();
  readonly storage = new MemoryStorage();
  readonly locks = new TestLocks();

  constructor(server: FakeServer) {
    this.#server = server;
  }

  /** A new tab, which is closed at the end of the test. */
  tab(): Parley {
    const storage = this.#storageOfTab();
    const watchStorage: StorageWatcher = (listener) => {
      this.#listeners.set(storage, listener);
      return () => this.#listeners.delete(storage);
    };
    const parley = createParley({ url: "http://parley.test", storage, watchStorage, locks: this.locks, fetch: this.#server.fetch, io: this.#server.io });
    onTestFinished(() => parley.close());
    return parley;
  }

  /** The storage as one tab sees it: of its changes, the others are told. */
  #storageOfTab(): KeyValueStorage {
    const { storage } = this;
    const tell = (key: string): void => {
      for (const [tab, listener] of this.#listeners) if (tab !== own) setTimeout(() => listener(key), 1);
    };
    const own: KeyValueStorage = {
      get length() {
        return storage.length;
      },
      key: (index) => storage.key(index),
      getItem: (key) => storage.getItem(key),
      setItem: (key, value) => {
        storage.setItem(key, value);
        tell(key);
      },
      removeItem: (key) => {
        storage.removeItem(key);
        tell(key);
      },
    };
    return own;
  }
}

/** Locks as browsers have them. */
class TestLocks implements WebLocks {
  readonly #queues = new Map<string, Promise<unknown>>();

  request<T>(name: string, options: { signal?: AbortSignal }, job: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(name) ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(() => {
      options.signal?.throwIfAborted();
      return job();
    });
    this.#queues.set(name, mine);
    return mine;
  }
}

/** A client of its own browser that has signed in, and is ready. */
export async function signedIn(server: FakeServer, username: string, browser = new Browser(server)): Promise<Parley> {
  const parley = browser.tab();
  const ready = parley.start().then(() => parley.signIn(username, "password"));
  await pass(200);
  await ready;
  return parley;
}

/** Opens a place. */
export async function opened(parley: Parley, place: Place): Promise<void> {
  const done = parley.open(place);
  await pass(100);
  await done;
}

/** What is shown in a place. */
export function shown(parley: Parley, place: Place): readonly Message[] {
  return parley.conversation(place).segment.messages;
}

export function contents(parley: Parley, place: Place): string[] {
  return shown(parley, place).map((m) => m.content);
}
