import { onBeforeUnmount, type ShallowRef, shallowRef } from "vue";

import type { Id } from "@/client";

/** The row that is pointed at or has the focus: its message, and where it begins below the upper edge of the frame, in CSS pixels. */
export interface PointedRow {
  id: Id;
  top: number;
}

export interface Pointing {
  readonly row: Readonly<ShallowRef<PointedRow | undefined>>;
  /** What a frame with rows in it has to listen to. */
  readonly on: {
    pointerover(event: PointerEvent): void;
    pointerleave(): void;
    click(event: MouseEvent): void;
    focusin(event: FocusEvent): void;
    focusout(event: FocusEvent): void;
    scrollCapture(): void;
  };
}

/** How long nothing has scrolled before the toolbar comes back, in milliseconds. */
const rest = 160;

/**
 * Finds the row that is pointed at. It listens at the frame around all rows, so that a row costs nothing; while the frame scrolls, nothing is pointed at.
 * As long as held says so, say while a menu is open, it stays where it is.
 */
export function usePointedRow(frame: Readonly<ShallowRef<HTMLElement | null>>, held: () => boolean): Pointing {
  const row = shallowRef<PointedRow>();
  let pointed: HTMLElement | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function rowOf(target: EventTarget | null): HTMLElement | null {
    return target instanceof Element ? target.closest<HTMLElement>("[data-id]") : null;
  }

  function point(at: HTMLElement | null): void {
    if (held() || timer !== undefined) return;
    pointed = at;
    const top = frame.value?.getBoundingClientRect().top ?? 0;
    row.value = at?.isConnected ? { id: Number(at.dataset.id), top: at.getBoundingClientRect().top - top } : undefined;
  }

  function focused(): HTMLElement | null {
    const element = document.activeElement;
    return element && frame.value?.contains(element) ? rowOf(element) : null;
  }

  onBeforeUnmount(() => {
    clearTimeout(timer);
  });

  return {
    row,
    on: {
      pointerover(event) {
        if (event.pointerType === "touch") return;
        const at = rowOf(event.target);
        if (at && at !== pointed) point(at);
      },
      pointerleave() {
        point(focused());
      },
      // There is no pointing with a finger: a tap shows what can be done.
      click(event) {
        if ((event as PointerEvent).pointerType !== "touch") return;
        const at = rowOf(event.target);
        if (at && !(event.target as Element).closest("a, button, input, textarea")) point(at === pointed ? null : at);
      },
      focusin(event) {
        const at = rowOf(event.target);
        if (at) point(at);
      },
      focusout(event) {
        if (event.relatedTarget instanceof Node && frame.value?.contains(event.relatedTarget)) return;
        if (!frame.value?.matches(":hover")) point(null);
      },
      scrollCapture() {
        if (held()) return;
        row.value = undefined;
        clearTimeout(timer);
        timer = setTimeout(() => {
          timer = undefined;
          point(focused() ?? frame.value?.querySelector<HTMLElement>("[data-id]:hover") ?? null);
        }, rest);
      },
    },
  };
}

/** Where an arrow key leads to from a row, or from the list, from which it is the last row that can be seen. Rows that are not there yet come by scrolling. */
export function neighbour(frame: HTMLElement, from: Element, key: "ArrowUp" | "ArrowDown"): HTMLElement | undefined {
  const rows = [...frame.querySelectorAll<HTMLElement>("[data-id]")];
  const at = rows.indexOf(from as HTMLElement);
  if (at >= 0) return rows[at + (key === "ArrowUp" ? -1 : 1)];
  const bottom = frame.getBoundingClientRect().bottom;
  return rows.findLast((row) => row.getBoundingClientRect().bottom <= bottom + 1) ?? rows.at(-1);
}
