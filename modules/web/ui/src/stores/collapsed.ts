import { defineStore } from "pinia";
import { shallowRef, watch } from "vue";

import type { Id } from "@/client";

import { readKept, writeKept } from "./kept";
import { useParley } from "./parley";

const prefix = "parley.collapsed.";

/** Which groups the user has collapsed in the sidebar. Kept on this device, for each user. */
export const useCollapsed = defineStore("collapsed", () => {
  const parley = useParley();
  const groups = shallowRef<ReadonlySet<Id>>(new Set());

  function load(userId: Id): Set<Id> {
    const kept = readKept(prefix + userId);
    return new Set(Array.isArray(kept) ? kept.filter((id): id is Id => typeof id === "number") : []);
  }

  watch(() => parley.me?.id, (id) => (groups.value = id === undefined ? new Set() : load(id)), { immediate: true, flush: "sync" });

  function toggle(groupId: Id): void {
    const next = new Set(groups.value);
    if (!next.delete(groupId)) next.add(groupId);
    groups.value = next;
    if (parley.me) writeKept(prefix + parley.me.id, next.size === 0 ? undefined : [...next]);
  }

  return { has: (groupId: Id) => groups.value.has(groupId), toggle };
});
