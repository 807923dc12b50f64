import { useI18n } from "petite-vue-i18n";

import { useConfirm } from "@/components/base/confirm";
import { useLevels } from "@/notify/levels";
import { useParley } from "@/stores/parley";

import { allEntries } from "./places";

/** Signs out, after asking if messages would be lost that have not been sent yet. */
export function useSigningOut(): () => Promise<void> {
  const parley = useParley();
  const levels = useLevels();
  const confirm = useConfirm();
  const { t } = useI18n();

  return async () => {
    const unsent = allEntries(parley.groups, parley.chats, levels.of)
      .flatMap(({ place }) => parley.client.conversation(place).pending)
      .filter(({ state }) => state !== "accepted").length;
    if (unsent > 0) {
      const question = { title: t("sidebar.signOut.title"), text: t("sidebar.signOut.text", { count: unsent }, unsent), action: t("sidebar.signOut.action"), danger: true };
      if (!(await confirm(question))) return;
    }
    await parley.client.signOut();
  };
}
