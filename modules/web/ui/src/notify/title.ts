import { defineStore } from "pinia";
import { computed, onScopeDispose, shallowRef, toValue, watch, type MaybeRefOrGetter } from "vue";

/** The title of the page: what is shown, and before it how much waits for the user. */
export const useTitle = defineStore("title", () => {
  const page = shallowRef("");
  const waiting = shallowRef(0);
  const title = computed(() => [waiting.value > 0 ? `(${waiting.value}) ` : "", page.value && `${page.value} · `, "Parley"].join(""));

  watch(title, (text) => (document.title = text), { immediate: true });
  return { page, waiting };
});

/** Names the page after what the calling component shows, as long as it is there. */
export function usePageTitle(name: MaybeRefOrGetter<string>): void {
  const title = useTitle();
  const mine = (): string => toValue(name);
  watch(mine, (text) => (title.page = text), { immediate: true });
  onScopeDispose(() => {
    // The next page may have given its own already.
    if (title.page === mine()) title.page = "";
  });
}
