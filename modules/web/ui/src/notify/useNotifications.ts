import { computed, onScopeDispose, shallowRef, watch, watchEffect } from "vue";
import { useI18n } from "petite-vue-i18n";
import { useRouter } from "vue-router";

import type { Happenings } from "@/client";
import { isOfChannel, placeOf, routeTo } from "@/components/conversation/place";
import { keyOf, useParley } from "@/stores/parley";
import { useSettings } from "@/stores/settings";

import { Desktop } from "./desktop";
import { markIcon } from "./favicon";
import { watchIdle } from "./idle";
import { useLevels } from "./levels";
import { isTold, waitingFor } from "./rules";
import { useTitle } from "./title";
import { Windows } from "./windows";

/**
 * Everything by which a user who looks elsewhere learns that something waits, as long as the calling component is there: notifications of the
 * desktop, the number in the title, the dot on the icon. And tells the server whether somebody is there at all.
 */
export function useNotifications(): void {
  const { client } = useParley();
  useDesktop();
  useWaiting();
  onScopeDispose(watchIdle((away) => { client.setAway(away); }));
}

/** Whether the browser lets the application show notifications. */
function isPermitted(): boolean {
  return "Notification" in window && Notification.permission === "granted";
}

function useDesktop(): void {
  // Pages without TLS have no locks, and no notifications either.
  const locks = navigator.locks as LockManager | undefined;
  if (!locks || !("Notification" in window)) return;

  const { t } = useI18n();
  const parley = useParley();
  const settings = useSettings();
  const levels = useLevels();
  const router = useRouter();
  const windows = new Windows(locks);
  const desktop = new Desktop();
  const visible = useVisible();
  const shown = computed(() => {
    const place = visible.value ? placeOf(router.currentRoute.value) : null;
    return place && keyOf(place);
  });

  watch(shown, (key) => {
    windows.show(key);
    if (key !== null) desktop.close(key);
  }, { immediate: true });

  async function tell(happening: Happenings["message"]): Promise<void> {
    if (!windows.leads) return;
    const { place, message } = happening;
    const key = keyOf(place);
    const allowed = settings.notifications && isPermitted();
    if (!isTold(happening, { allowed, level: levels.of(place), shown: await windows.isShown(key) })) return;
    // Without an answer, it is somebody.
    await parley.client.loadUsers([message.senderId]).catch(() => undefined);
    const name = parley.client.user(message.senderId)?.displayName ?? t("notify.somebody");
    const channel = isOfChannel(message) ? parley.client.channel(message.channelId) : undefined;
    const { me } = parley.client;
    if (!me) return;
    desktop.show(key, {
      title: channel ? t("notify.inChannel", { name, channel: channel.name }) : name,
      body: message.content,
      open: () => void router.push(routeTo(message, me.id)),
    });
  }

  const unsubscribe = parley.client.on("message", (happening) => void tell(happening));
  onScopeDispose(() => {
    unsubscribe();
    desktop.closeAll();
    windows.end();
  });
}

function useWaiting(): void {
  const parley = useParley();
  const levels = useLevels();
  const title = useTitle();
  watchEffect(() => {
    title.waiting = waitingFor(parley.groups, parley.chats, levels.of);
    markIcon(title.waiting > 0);
  });
  onScopeDispose(() => {
    title.waiting = 0;
    markIcon(false);
  });
}

/** Whether the window is to be seen at all. */
function useVisible() {
  const visible = shallowRef(!document.hidden);
  const look = (): void => {
    visible.value = !document.hidden;
  };
  document.addEventListener("visibilitychange", look);
  onScopeDispose(() => { document.removeEventListener("visibilitychange", look); });
  return visible;
}
