import { useI18n } from "petite-vue-i18n";
import { onScopeDispose } from "vue";
import { useRouter } from "vue-router";

import { useToasts } from "@/components/base/toasts";
import { useParley } from "@/stores/parley";
import { useVisits } from "@/stores/visits";

/** Says that the user is out of a group or a channel, not by a deed of this window, and leads away from it if it is what is shown. */
export function useFarewells(): void {
  const { client } = useParley();
  const router = useRouter();
  const toasts = useToasts();
  const visits = useVisits();
  const { t } = useI18n();

  /** Whether the page belongs to what is gone. */
  function isShown(name: "groupId" | "channelId", id: number): boolean {
    return Number(router.currentRoute.value.params[name]) === id;
  }

  const ends = [
    client.on("left", ({ groupId, name, reason }) => {
      const shown = isShown("groupId", groupId);
      if (shown || reason !== "left") toasts.show(t(`sidebar.left.${reason}`, { group: name }));
      if (shown) void router.replace({ name: "home" });
    }),
    client.on("channel-gone", ({ channelId, name }) => {
      visits.forget(`c${channelId}`);
      if (!isShown("channelId", channelId)) return;
      toasts.show(t("sidebar.left.channel", { channel: name }));
      void router.replace({ name: "home" });
    }),
  ];
  onScopeDispose(() => {
    for (const end of ends) end();
  });
}
