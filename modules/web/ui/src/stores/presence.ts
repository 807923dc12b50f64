import { defineStore } from "pinia";
import { onScopeDispose, toValue, watch, type MaybeRefOrGetter } from "vue";

import type { Id } from "@/client";

import { useParley } from "./parley";

/** A connection watches up to so many people. */
export const maxWatched = 200;

/** How long changes of what is shown are gathered before the server is told, in ms: while a list is scrolled, it changes all the time. */
export const gatherFor = 150;

/**
 * Whose presence is to be watched, of all who show people. If they are more than can be watched, everyone who shows people gets an equal share:
 * the first of each, then the second of each, and so on.
 */
export function fairUnion(lists: Iterable<readonly Id[]>, limit: number): Set<Id> {
  const chosen = new Set<Id>();
  let left = [...lists];
  for (let i = 0; left.length > 0; i++) {
    for (const list of left) {
      if (chosen.size >= limit) return chosen;
      const id = list[i];
      if (id !== undefined) chosen.add(id);
    }
    left = left.filter((list) => list.length > i + 1);
  }
  return chosen;
}

/** Gathers whom the parts of the page show, and has the client watch them. */
export const usePresence = defineStore("presence", () => {
  const parley = useParley();
  const shown = new Map<symbol, readonly Id[]>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let watched = new Set<Id>();

  function tell(): void {
    timer = undefined;
    const union = fairUnion(shown.values(), maxWatched);
    if (union.size === watched.size && [...union].every((id) => watched.has(id))) return;
    watched = union;
    parley.client.watch(union);
  }

  /** Says that somebody (key) shows these people now, and no others; an empty list ends it. */
  function show(key: symbol, ids: readonly Id[]): void {
    if (ids.length > 0) shown.set(key, ids);
    else shown.delete(key);
    timer ??= setTimeout(tell, gatherFor);
  }

  return { show };
});

/**
 * Has the presence of the people watched whom the calling component shows, until it is unmounted; read it with `useParley().presence(id)`. Those who
 * matter most come first: at most 200 are watched in the whole page.
 */
export function usePresenceOf(ids: MaybeRefOrGetter<readonly Id[]>): void {
  const presence = usePresence();
  const key = Symbol("shows people");
  watch(() => toValue(ids), (now) => { presence.show(key, now); }, { immediate: true });
  onScopeDispose(() => { presence.show(key, []); });
}
