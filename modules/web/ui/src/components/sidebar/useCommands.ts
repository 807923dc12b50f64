import { onBeforeUnmount, onMounted } from "vue";
import { useRouter } from "vue-router";

import { placeOf } from "@/components/conversation/place";
import { useLevels } from "@/notify/levels";
import { useDialogs } from "@/stores/dialogs";
import { keyOf, useParley } from "@/stores/parley";

import { type Command, commandOf } from "./keys";
import { allEntries, isUnread, step } from "./places";

/** Carries out the keyboard's commands while the calling component is there; not behind a dialog that is open. */
export function useCommands(): void {
  const parley = useParley();
  const levels = useLevels();
  const dialogs = useDialogs();
  const router = useRouter();

  function go(by: 1 | -1, unreadOnly: boolean): void {
    const place = placeOf(router.currentRoute.value);
    const entries = allEntries(parley.groups, parley.chats, levels.of);
    const entry = step(entries, place && keyOf(place), by, unreadOnly ? isUnread : undefined);
    if (entry) void router.push(entry.to);
  }

  const commands: Record<Command, () => void> = {
    switcher: () => dialogs.show({ name: "switcher" }),
    shortcuts: () => dialogs.show({ name: "shortcuts" }),
    previous: () => go(-1, false),
    next: () => go(1, false),
    "previous-unread": () => go(-1, true),
    "next-unread": () => go(1, true),
  };

  function onKeydown(event: KeyboardEvent): void {
    const command = commandOf(event);
    if (!command || event.defaultPrevented) return;
    // The browser has plans of its own with Ctrl+K, behind a dialog as well.
    event.preventDefault();
    if (!document.querySelector("dialog[open]")) commands[command]();
  }

  onMounted(() => document.addEventListener("keydown", onKeydown));
  onBeforeUnmount(() => document.removeEventListener("keydown", onKeydown));
}
