import { defineStore } from "pinia";
import { shallowRef, watch } from "vue";

import type { Id, Place, PlaceKey } from "@/client";
import { readKept, writeKept } from "@/stores/kept";
import { keyOf, useParley } from "@/stores/parley";

import { defaultLevel, type Level, levels } from "./rules";

const prefix = "parley.levels.";

/** Of what the user wants to hear, by place: what differs from the default, kept on this device. */
export const useLevels = defineStore("levels", () => {
  const parley = useParley();
  const chosen = shallowRef<ReadonlyMap<PlaceKey, Level>>(new Map());

  watch(() => parley.me?.id, (id) => (chosen.value = id === undefined ? new Map() : load(id)), { immediate: true, flush: "sync" });

  function of(place: Place): Level {
    return chosen.value.get(keyOf(place)) ?? defaultLevel(place);
  }

  function set(place: Place, level: Level): void {
    const next = new Map(chosen.value);
    if (level === defaultLevel(place)) next.delete(keyOf(place));
    else next.set(keyOf(place), level);
    chosen.value = next;
    if (parley.me) writeKept(prefix + parley.me.id, next.size === 0 ? undefined : Object.fromEntries(next));
  }

  return { of, set };
});

function load(userId: Id): Map<PlaceKey, Level> {
  const kept = readKept(prefix + userId);
  const entries = typeof kept === "object" && kept !== null ? Object.entries(kept) : [];
  return new Map(entries.filter((e): e is [PlaceKey, Level] => levels.includes(e[1] as Level)));
}
