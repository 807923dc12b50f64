import { defineStore } from "pinia";
import { onScopeDispose, shallowRef, watch } from "vue";
import { useRouter } from "vue-router";

import type { Happenings } from "@/client";

import { useDrafts } from "./drafts";
import { useParley } from "./parley";

/** Why the sign-in has ended without the user's doing, for the page on which they sign in again. */
export const useSignOutReason = defineStore("signOutReason", () => {
  const reason = shallowRef<Happenings["signed-out"]["problem"]>();
  return { reason };
});

/**
 * Leads to sign-in as soon as nobody is signed in any more; if that was not the user's doing, with the way back and without the loss of drafts. Until the
 * calling component is gone.
 */
export function useSignOut(): void {
  const parley = useParley();
  const router = useRouter();
  const why = useSignOutReason();
  const drafts = useDrafts();

  onScopeDispose(parley.client.on("signed-out", ({ problem }) => (why.reason = problem)));

  watch(
    () => parley.me,
    (me, before) => {
      if (me) why.reason = undefined;
      if (me || !before) return;
      if (!why.reason) drafts.forget(before.id);
      const { fullPath } = router.currentRoute.value;
      void router.replace({ name: "sign-in", query: why.reason ? { return: fullPath } : {} });
    },
  );
}
