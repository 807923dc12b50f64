import { onBeforeUnmount, onMounted, shallowRef, type ShallowRef, watch } from "vue";

import type { Conversation, Place } from "@/client";
import { useParley } from "@/stores/parley";

export interface Reading {
  /** The seq after which the line of what is unread is drawn. */
  readonly unreadAfter: Readonly<ShallowRef<number | undefined>>;
  /** Says that the rows up to this message were on the screen. */
  seen(seq: number): void;
}

/**
 * Tells how far the user has read: what was on the screen while the user was there. The line of what is unread is where it began, and stays there; it is drawn
 * anew where the user went away, if messages have come meanwhile.
 */
export function useReading(place: Place, conversation: Readonly<{ value: Conversation }>): Reading {
  const parley = useParley();
  const unreadAfter = shallowRef<number>();
  let visible = 0;
  let told = 0;

  function attending(): boolean {
    return document.visibilityState === "visible" && document.hasFocus();
  }

  function tell(): void {
    if (visible <= Math.max(told, conversation.value.readSeq) || !attending()) return;
    told = visible;
    parley.client.markRead(place, visible);
  }

  function seen(seq: number): void {
    visible = seq;
    tell();
  }

  watch(
    () => conversation.value.loaded,
    (loaded) => {
      const { unread, readSeq } = conversation.value;
      if (loaded && unread > 0) unreadAfter.value = readSeq;
    },
    { immediate: true },
  );

  watch(
    () => conversation.value.lastSeq,
    () => {
      const { readSeq, unread } = conversation.value;
      const passed = unreadAfter.value === undefined || readSeq > unreadAfter.value;
      if (!attending() && unread > 0 && passed) unreadAfter.value = readSeq;
    },
  );

  onMounted(() => {
    window.addEventListener("focus", tell);
    document.addEventListener("visibilitychange", tell);
  });
  onBeforeUnmount(() => {
    window.removeEventListener("focus", tell);
    document.removeEventListener("visibilitychange", tell);
  });

  return { unreadAfter, seen };
}
