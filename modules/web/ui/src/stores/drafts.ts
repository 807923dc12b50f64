import { defineStore } from "pinia";
import { onScopeDispose, shallowRef, watch } from "vue";

import type { Id, Place, PlaceKey } from "@/client";

import { readKept, writeKept } from "./kept";
import { keyOf, useParley } from "./parley";

/** What was begun and not sent yet. */
export interface Draft {
  text: string;
  /** The message that is answered. */
  replyTo?: Id;
}

/** Where a draft belongs: a place, or `t12` for the thread that begins with message 12. */
export type DraftKey = PlaceKey | `t${number}`;

const prefix = "parley.drafts.";
/** So many are kept; beyond, the one that was touched least recently goes. */
const maxDrafts = 100;

/**
 * Drafts of the one who is signed in, kept on this device: they survive a switch of channels, a reload, and a sign-in that has expired.
 */
export const useDrafts = defineStore("drafts", () => {
  const parley = useParley();
  const drafts = shallowRef<ReadonlyMap<DraftKey, Draft>>(new Map());

  watch(() => parley.me?.id, (id) => (drafts.value = id === undefined ? new Map() : load(id)), { immediate: true, flush: "sync" });
  /** What another tab has written is taken over, or this one would write over it. */
  function onStorage(event: StorageEvent): void {
    const id = parley.me?.id;
    if (id !== undefined && event.key === prefix + id) drafts.value = load(id);
  }
  addEventListener("storage", onStorage);
  onScopeDispose(() => { removeEventListener("storage", onStorage); });

  /** The draft of a place, or an empty one. */
  function get(key: DraftKey): Draft {
    return drafts.value.get(key) ?? { text: "" };
  }

  /** Keeps a draft; one that says nothing is forgotten. */
  function set(key: DraftKey, draft: Draft): void {
    const next = new Map(drafts.value);
    next.delete(key);
    if (draft.text.trim() !== "" || draft.replyTo !== undefined) next.set(key, draft);
    for (const oldest of next.keys()) {
      if (next.size <= maxDrafts) break;
      next.delete(oldest);
    }
    drafts.value = next;
    if (parley.me) save(parley.me.id, next);
  }

  /** Whether something was begun in a place: what the sidebar shows a pencil for. */
  function hasDraft(place: Place): boolean {
    return get(keyOf(place)).text.trim() !== "";
  }

  /** Forgets the drafts of somebody who has signed out. */
  function forget(userId: Id): void {
    if (userId === parley.me?.id) drafts.value = new Map();
    save(userId, new Map());
  }

  return { get, set, hasDraft, forget };
});

function load(userId: Id): Map<DraftKey, Draft> {
  const kept = readKept(prefix + userId);
  return new Map(Array.isArray(kept) ? kept.filter(isEntry) : []);
}

function save(userId: Id, drafts: ReadonlyMap<DraftKey, Draft>): void {
  writeKept(prefix + userId, drafts.size === 0 ? undefined : [...drafts]);
}

function isEntry(entry: unknown): entry is [DraftKey, Draft] {
  if (!Array.isArray(entry) || typeof entry[0] !== "string" || typeof entry[1] !== "object" || entry[1] === null) return false;
  const draft = entry[1] as Partial<Record<keyof Draft, unknown>>;
  return typeof draft.text === "string" && (draft.replyTo === undefined || typeof draft.replyTo === "number");
}
