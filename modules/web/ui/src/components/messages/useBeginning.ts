import type { CacheSnapshot } from "virtua";
import type { VirtualizerHandle } from "virtua/vue";
import { nextTick, type ShallowRef } from "vue";

import type { Conversation, Place } from "@/client";
import { keyOf, useParley } from "@/stores/parley";

import { indexOf } from "./rows";
import { useScrollMemory } from "./scrollMemory";
import type { Rows } from "./useRows";
import type { Scroll } from "./useScroll";

/** How far below the upper edge the line of what is unread is then, in CSS pixels. */
const aboveUnread = 96;

export interface Beginning {
  /** The heights of the rows, if they are known from earlier. */
  readonly heights: CacheSnapshot | undefined;
  /** Goes to where one was before, to what is unread, or to the end. */
  go(): Promise<void>;
  /** Remembers where one is. */
  keep(list: VirtualizerHandle): void;
}

/** Where a list begins when its place is opened. */
export function useBeginning(place: Place, conversation: Readonly<{ value: Conversation }>, shown: Readonly<ShallowRef<Rows>>, scroll: Scroll): Beginning {
  const parley = useParley();
  const memory = useScrollMemory();
  const key = keyOf(place);
  const before = memory.get(key);

  function comeBack(): boolean {
    const index = before?.at ? indexOf(shown.value.rows, before.at.seq) : -1;
    if (!before?.at || index < 0) return false;
    scroll.toRow(index, { align: "start", above: before.at.above });
    return true;
  }

  async function goToUnread(): Promise<boolean> {
    const { unread, readSeq, segment } = conversation.value;
    if (unread === 0) return false;
    if (segment.hasOlder && readSeq + 1 < (shown.value.rows[0]?.seq ?? 0)) {
      await parley.client.jumpTo(place, readSeq + 1);
      await nextTick();
    }
    const index = shown.value.rows.findIndex((row) => row.unread);
    if (index >= 0) scroll.toRow(index, { align: "start", above: -aboveUnread });
    return index >= 0;
  }

  return {
    heights: before?.firstSeq === shown.value.rows[0]?.seq ? before?.heights : undefined,
    async go() {
      // A part that cannot be fetched is not reached; the newest messages are here.
      if (comeBack() || (await goToUnread().catch(() => false))) return;
      scroll.toEnd();
    },
    keep(list) {
      const first = scroll.atEnd.value ? undefined : scroll.first();
      memory.keep(key, { at: first && { seq: first.row.seq, above: first.above }, heights: list.cache, firstSeq: shown.value.rows[0]?.seq ?? 0 });
    },
  };
}
