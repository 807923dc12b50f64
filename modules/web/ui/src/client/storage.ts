import { onPage } from "./page.js";

/** What is needed of a Web Storage, such as localStorage. */
export interface KeyValueStorage {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Calls back when somebody else, such as another tab, has changed a storage: with the key, or null for all of it. Returns what ends it. */
export type StorageWatcher = (listener: (key: string | null) => void) => () => void;

/** A storage that is gone with the program. */
export class MemoryStorage implements KeyValueStorage {
  readonly #items = new Map<string, string>();

  get length(): number {
    return this.#items.size;
  }

  key(index: number): string | null {
    return [...this.#items.keys()][index] ?? null;
  }

  getItem(key: string): string | null {
    return this.#items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#items.set(key, value);
  }

  removeItem(key: string): void {
    this.#items.delete(key);
  }
}

/** The browser's storage of this site; elsewhere, and where a browser allows none, one in memory. */
export function defaultStorage(): KeyValueStorage {
  try {
    const storage = globalThis.localStorage as Storage | undefined;
    if (storage) return storage;
  } catch {
    // Forbidden by the user.
  }
  return new MemoryStorage();
}

/** Tells what other tabs change in localStorage. */
export const watchLocalStorage: StorageWatcher = (listener) => onPage("storage", (event) => listener(event.key));

/** Values as JSON under keys with a prefix. A storage that is full or broken keeps nothing, which is no error: the program goes on without. */
export class Keep {
  readonly #storage: KeyValueStorage;
  readonly prefix: string;

  constructor(storage: KeyValueStorage, prefix: string) {
    this.#storage = storage;
    this.prefix = prefix;
  }

  get(key: string): unknown {
    try {
      const text = this.#storage.getItem(this.prefix + key);
      return text === null ? undefined : JSON.parse(text);
    } catch {
      return undefined;
    }
  }

  set(key: string, value: unknown): void {
    try {
      this.#storage.setItem(this.prefix + key, JSON.stringify(value));
    } catch {
      // Full.
    }
  }

  remove(key: string): void {
    try {
      this.#storage.removeItem(this.prefix + key);
    } catch {
      // As if it were not there.
    }
  }

  /** The keys that begin so. */
  keys(beginning: string): string[] {
    const whole = this.prefix + beginning;
    const keys: string[] = [];
    try {
      for (let i = 0; i < this.#storage.length; i++) {
        const key = this.#storage.key(i);
        if (key?.startsWith(whole)) keys.push(key.slice(this.prefix.length));
      }
    } catch {
      // As if it were empty.
    }
    return keys;
  }
}
