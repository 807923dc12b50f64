import { computed, onScopeDispose, shallowRef, type ComputedRef } from "vue";
import { useRoute, useRouter } from "vue-router";

/** The fragment of the address while the drawer is open: so that going back closes it. */
const hash = "#menu";

export interface Drawer {
  /** There is room for one pane at a time, and the sidebar is a drawer. */
  narrow: ComputedRef<boolean>;
  open: ComputedRef<boolean>;
  show(): Promise<unknown>;
  close(): void;
}

/** The sidebar as a drawer, where there is room for one pane at a time. */
export function useDrawer(): Drawer {
  const route = useRoute();
  const router = useRouter();

  const query = matchMedia("(width < 800px)");
  const matches = shallowRef(query.matches);
  const onChange = (event: MediaQueryListEvent): void => {
    matches.value = event.matches;
  };
  query.addEventListener("change", onChange);
  onScopeDispose(() => query.removeEventListener("change", onChange));

  const narrow = computed(() => matches.value);
  const open = computed(() => narrow.value && route.hash === hash);

  return {
    narrow,
    open,
    show: () => router.push({ query: route.query, hash }),
    close: () => {
      if (route.hash === hash) router.back();
    },
  };
}
