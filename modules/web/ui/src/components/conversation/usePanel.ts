import { computed, type ComputedRef } from "vue";
import { useRoute, useRouter } from "vue-router";

import type { Id } from "@/client";

/** What may be beside a conversation. */
export type PanelName = "members" | "pins" | "search" | "thread";

const names: readonly unknown[] = ["members", "pins", "search", "thread"] satisfies PanelName[];

/** The panel beside the conversation, which the address names: it survives a reload, and "back" closes it. */
export interface Panel {
  name: ComputedRef<PanelName | null>;
  /** The message whose thread is shown. */
  thread: ComputedRef<Id | null>;
  open(name: Exclude<PanelName, "thread">): void;
  openThread(messageId: Id): void;
  close(): void;
  toggle(name: Exclude<PanelName, "thread">): void;
}

export function usePanel(): Panel {
  const route = useRoute();
  const router = useRouter();

  const thread = computed(() => (route.query.panel === "thread" && Number(route.query.thread)) || null);
  const name = computed((): PanelName | null => {
    const asked = route.query.panel;
    if (!names.includes(asked) || (asked === "thread" && thread.value === null)) return null;
    return asked as PanelName;
  });

  function show(panel: PanelName | undefined, messageId?: Id): void {
    const query = { ...route.query, panel, thread: messageId === undefined ? undefined : String(messageId) };
    // From one panel to another is no step of its own on the way back.
    void (panel !== undefined && name.value === null ? router.push({ query }) : router.replace({ query }));
  }

  return {
    name,
    thread,
    open: (panel) => { show(panel); },
    openThread: (messageId) => { show("thread", messageId); },
    close: () => { show(undefined); },
    toggle: (panel) => { show(name.value === panel ? undefined : panel); },
  };
}
