import { computed, type ComputedRef } from "vue";
import { useRoute, useRouter } from "vue-router";

import type { Id, Message } from "@/client";
import { useParley } from "@/stores/parley";

import { routeTo } from "./place";

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
  /** Shows a message among those around it, and the panel beside it if there is room for both. */
  jumpTo(message: Message): Promise<void>;
}

/** Below this, there is no room for a conversation and a panel: together with the sidebar, they need so much. */
const covers = "(max-width: 1079px)";

export function usePanel(): Panel {
  const route = useRoute();
  const router = useRouter();
  const parley = useParley();

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

  async function jumpTo(message: Message): Promise<void> {
    const to = routeTo(message, parley.me?.id ?? 0);
    const { panel, thread: threadId } = matchMedia(covers).matches ? {} : route.query;
    const query = { panel, thread: threadId, seq: String(message.seq) };
    // The address of a jump that was made before would be no news to anybody.
    if (route.query.seq === query.seq) await router.replace({ query: { ...route.query, seq: undefined } });
    await router.push({ ...to, query });
  }

  return {
    jumpTo,
    name,
    thread,
    open: (panel) => { show(panel); },
    openThread: (messageId) => { show("thread", messageId); },
    close: () => { show(undefined); },
    toggle: (panel) => { show(name.value === panel ? undefined : panel); },
  };
}
