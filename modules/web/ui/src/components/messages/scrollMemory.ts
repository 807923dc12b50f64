import { defineStore } from "pinia";
import type { CacheSnapshot } from "virtua";

import type { PlaceKey } from "@/client";

/** Where somebody was in a place when they left it. */
export interface Remembered {
  /** The message at the upper edge, and how far it was above it, in CSS pixels; undefined at the end of the list. */
  at: { seq: number; above: number } | undefined;
  /** The heights of rows, so that they need not be measured again, from the message with this seq on. */
  heights: CacheSnapshot;
  firstSeq: number;
}

/** Remembers positions in places as long as the page is open, so that one comes back to where one was. */
export const useScrollMemory = defineStore("scrollMemory", () => {
  const remembered = new Map<PlaceKey, Remembered>();
  return {
    keep(key: PlaceKey, position: Remembered): void {
      remembered.set(key, position);
    },
    get: (key: PlaceKey): Remembered | undefined => remembered.get(key),
  };
});
