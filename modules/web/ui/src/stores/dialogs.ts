import { defineStore } from "pinia";
import { ref, shallowRef } from "vue";

import type { Id } from "@/client";

/** The dialogs that can be opened from anywhere, with what they need to know. */
export type AnyDialog =
  | { name: "create-group" | "join-group" | "new-chat" | "switcher" | "shortcuts" }
  | { name: "create-channel" | "invite"; groupId: Id };

/** Which of the dialogs is open that belong to no place: one at a time, shown by AppDialogs.vue. */
export const useDialogs = defineStore("dialogs", () => {
  const current = shallowRef<AnyDialog>();
  const open = ref(false);
  /** Grows with each dialog, so that every one begins anew. */
  const count = ref(0);

  function show(dialog: AnyDialog): void {
    current.value = dialog;
    open.value = true;
    count.value++;
  }

  return { current, open, count, show };
});
