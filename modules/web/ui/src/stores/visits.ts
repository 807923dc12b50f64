import { defineStore } from "pinia";
import { shallowRef, watch } from "vue";

import type { Id, PlaceKey } from "@/client";

import { readKept, writeKept } from "./kept";
import { useParley } from "./parley";

const prefix = "parley.visits.";
/** How many places are remembered. */
const most = 20;

function load(userId: Id): PlaceKey[] {
  const kept = readKept(prefix + userId);
  return Array.isArray(kept) ? kept.filter((key): key is PlaceKey => typeof key === "string" && /^[cd]\d+$/.test(key)).slice(0, most) : [];
}

/** The places in which the user was, the latest first. Kept on this device, for each user. */
export const useVisits = defineStore("visits", () => {
  const parley = useParley();
  const places = shallowRef<readonly PlaceKey[]>([]);

  watch(() => parley.me?.id, (id) => (places.value = id === undefined ? [] : load(id)), { immediate: true, flush: "sync" });

  function visit(key: PlaceKey): void {
    places.value = [key, ...places.value.filter((other) => other !== key)].slice(0, most);
    if (parley.me) writeKept(prefix + parley.me.id, places.value);
  }

  /** Forgets a place that is not there any more. */
  function forget(key: PlaceKey): void {
    places.value = places.value.filter((other) => other !== key);
    if (parley.me) writeKept(prefix + parley.me.id, places.value);
  }

  return { places, visit, forget };
});
