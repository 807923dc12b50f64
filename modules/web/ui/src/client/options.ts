import { io } from "socket.io-client";

import type { SocketMaker } from "./connection.js";
import { Leases, LocalLocks, webLocks, type Locks, type WebLocks } from "./locks.js";
import { onPage } from "./page.js";
import { defaultStorage, Keep, MemoryStorage, watchLocalStorage, type KeyValueStorage, type StorageWatcher } from "./storage.js";

/** What a client may be made with. All of it has defaults that fit a page which the server itself serves. */
export interface Options {
  /** Where the server is, such as https://chat.example.org. Defaults to where the page comes from; elsewhere than on a page there is no default. */
  url?: string;
  /**
   * Where the sign-in and unsent messages are kept: localStorage by default, or in memory where there is none. A program that wants to find them again
   * gives something that it keeps itself.
   */
  storage?: KeyValueStorage;
  /** Tells when somebody else changes the storage. Defaults to the browser's storage events. */
  watchStorage?: StorageWatcher;
  /** What has one thing done at a time by all who share the storage. Defaults to navigator.locks, or to notes in the storage where there is none. */
  locks?: WebLocks;
  /** Defaults to the global fetch. */
  fetch?: typeof fetch;
  /** Defaults to io of socket.io-client. */
  io?: SocketMaker;
}

/** What a client works with. */
export interface Environment {
  url: string;
  keep: Keep;
  locks: Locks;
  fetch: typeof fetch;
  io: SocketMaker;
  onStorage: StorageWatcher;
  /** The network is back. */
  onOnline(listener: () => void): () => void;
  /** The page is about to end. */
  onLeave(listener: () => void): () => void;
  /** Gives back what would outlive the page. */
  release(): void;
}

export function environment(options: Options): Environment {
  const { url = "" } = options;
  const storage = options.storage ?? defaultStorage();
  const keep = new Keep(storage, url ? `parley:${url}:` : "parley:");
  const leases = new Leases(keep);
  return {
    url,
    keep,
    locks: locksOf(options, storage, keep, leases),
    fetch: options.fetch ?? ((...request) => fetch(...request)),
    io: options.io ?? ((at, made) => (at ? io(at, made) : io(made))),
    onStorage: options.watchStorage ?? watchLocalStorage,
    onOnline: (listener) => onPage("online", listener),
    onLeave: (listener) => onPage("pagehide", listener),
    release: () => leases.release(),
  };
}

function locksOf(options: Options, storage: KeyValueStorage, keep: Keep, leases: Leases): Locks {
  const web = options.locks ?? (globalThis.navigator as { locks?: WebLocks } | undefined)?.locks;
  // What is in memory is not shared with anybody.
  if (storage instanceof MemoryStorage && !options.locks) return new LocalLocks();
  return web ? webLocks(web, keep.prefix) : leases;
}
