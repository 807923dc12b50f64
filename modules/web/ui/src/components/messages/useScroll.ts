import { nextTick, ref, type Ref, type ShallowRef } from "vue";
import type { VirtualizerHandle } from "virtua/vue";

import type { Row } from "./rows";

/** How near the end counts as the end, in CSS pixels. */
const endSlack = 24;

/** What is above the first row, and below the last one, in CSS pixels. */
export const margins = { top: 72, bottom: 16 };

export interface Scroll {
  /** The list is at its end, and stays there when something comes or grows. */
  readonly atEnd: Readonly<Ref<boolean>>;
  /** How far away the ends are, in CSS pixels. */
  distances(): { top: number; bottom: number };
  toEnd(): void;
  /** Brings a row to a place in the list: its middle or its beginning, the latter with so many pixels of it above the edge. */
  toRow(index: number, where: { align: "center" } | { align: "start"; above: number }): void;
  /** The row at the upper edge, and how much of it is above it. */
  first(): { row: Row; above: number } | undefined;
  /** The last row whose end can be seen. */
  last(): Row | undefined;
  /** To be called when the list was scrolled, and when rows or the list have another size. */
  onScroll(): void;
  onResize(): void;
}

/** Where the list is. Everything is computed from the heights that the virtual list knows; nothing is laid out for it. */
export function useScroll(
  scroller: Readonly<ShallowRef<HTMLElement | null>>,
  virtualizer: Readonly<ShallowRef<VirtualizerHandle | null>>,
  rows: () => readonly Row[],
): Scroll {
  const atEnd = ref(true);
  let before = 0;

  function distances(): { top: number; bottom: number } {
    const list = virtualizer.value;
    if (!list) return { top: 0, bottom: 0 };
    const count = rows().length;
    const height = margins.top + list.getItemOffset(count - 1) + list.getItemSize(count - 1) + margins.bottom;
    return { top: list.scrollOffset, bottom: count === 0 ? 0 : Math.max(0, height - list.scrollOffset - list.viewportSize) };
  }

  function toEnd(): void {
    atEnd.value = true;
    // Not by the virtual list's own means: it would go on to scroll there for a while, against the user.
    if (scroller.value) scroller.value.scrollTop = scroller.value.scrollHeight;
  }

  function toRow(index: number, where: { align: "center" } | { align: "start"; above: number }): void {
    atEnd.value = false;
    virtualizer.value?.scrollToIndex(index, where.align === "center" ? { align: "center" } : { align: "start", offset: where.above });
  }

  function first(): { row: Row; above: number } | undefined {
    const list = virtualizer.value;
    if (!list) return undefined;
    const index = list.findItemIndex(list.scrollOffset);
    const row = rows()[index];
    return row && { row, above: list.scrollOffset - margins.top - list.getItemOffset(index) };
  }

  function last(): Row | undefined {
    const list = virtualizer.value;
    if (!list || list.viewportSize === 0) return undefined;
    const edge = list.scrollOffset + list.viewportSize;
    const index = list.findItemIndex(edge);
    const end = margins.top + list.getItemOffset(index) + list.getItemSize(index);
    // One that is higher than the list is seen when it fills it.
    const whole = end <= edge + endSlack || list.getItemSize(index) > list.viewportSize;
    return rows()[whole ? index : index - 1];
  }

  return {
    atEnd,
    distances,
    toEnd,
    toRow,
    first,
    last,
    onScroll() {
      const { top, bottom } = distances();
      // Only who scrolls up leaves the end: when rows grow, the end goes away by itself, and is followed.
      atEnd.value = bottom <= endSlack || (atEnd.value && top >= before);
      before = top;
    },
    onResize() {
      if (atEnd.value) void nextTick(toEnd);
    },
  };
}
