import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from "vue";

import { ProblemError, type User } from "@/client";

/** How long the search waits for the next key, in ms. */
export const typingPause = 200;

export interface PeopleSearch {
  /** What is typed. */
  readonly query: Ref<string>;
  /** Who was found by the latest query that has been answered. */
  readonly found: Readonly<ShallowRef<readonly User[]>>;
  /** The query that `found` answers; undefined before the first one. */
  readonly answered: Readonly<Ref<string | undefined>>;
  readonly busy: Readonly<Ref<boolean>>;
  readonly problem: Readonly<ShallowRef<ProblemError | undefined>>;
}

/** Looks people up while somebody types: the latest query counts, whichever answer comes first. An empty one finds nobody. */
export function usePeopleSearch(search: (q: string) => Promise<readonly User[]>): PeopleSearch {
  const query = ref("");
  const found = shallowRef<readonly User[]>([]);
  const answered = ref<string>();
  const busy = ref(false);
  const problem = shallowRef<ProblemError>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function look(q: string): Promise<void> {
    const isLatest = () => query.value.trim() === q;
    try {
      const users = await search(q);
      if (!isLatest()) return;
      found.value = users;
      answered.value = q;
      problem.value = undefined;
      busy.value = false;
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      if (!isLatest()) return;
      found.value = [];
      problem.value = error;
      busy.value = false;
    }
  }

  watch(() => query.value.trim(), (q) => {
    clearTimeout(timer);
    busy.value = q !== "";
    if (q !== "") {
      timer = setTimeout(() => void look(q), typingPause);
      return;
    }
    found.value = [];
    answered.value = undefined;
    problem.value = undefined;
  }, { flush: "sync" });
  onScopeDispose(() => { clearTimeout(timer); });

  return { query, found, answered, busy, problem };
}
