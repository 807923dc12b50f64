import { computed, ref, shallowRef, type ComputedRef, type Ref } from "vue";

import { ProblemError, type SearchQuery, type SearchResult } from "@/client";
import { useParley } from "@/stores/parley";

/** A search, page by page. */
export interface Search {
  /** Undefined before anything was searched for. */
  results: Readonly<Ref<readonly SearchResult[] | undefined>>;
  busy: Readonly<Ref<boolean>>;
  problem: Readonly<Ref<string | undefined>>;
  hasMore: ComputedRef<boolean>;
  /** Searches for something, in the place of what was searched for before; for nothing if q is blank. */
  run(query: SearchQuery): Promise<void>;
  more(): Promise<void>;
}

/** A page may be empty although there is another: so many are asked for in a row before the user has to ask. */
const maxEmptyPages = 5;

export function useSearch(): Search {
  const parley = useParley();
  const results = shallowRef<readonly SearchResult[]>();
  const next = ref<string>();
  const busy = ref(false);
  const problem = ref<string>();
  let query: SearchQuery | undefined;
  /** Answers to an earlier search come too late. */
  let generation = 0;

  async function run(wanted: SearchQuery): Promise<void> {
    const q = wanted.q.trim();
    generation++;
    query = q === "" ? undefined : { ...wanted, q };
    results.value = undefined;
    next.value = problem.value = undefined;
    busy.value = false;
    if (query) await more();
  }

  async function more(): Promise<void> {
    const mine = generation;
    if (!query || busy.value) return;
    busy.value = true;
    problem.value = undefined;
    try {
      let found = 0;
      for (let pages = 0; found === 0 && pages < maxEmptyPages && (pages === 0 || next.value !== undefined); pages++) {
        const page = await parley.client.api.search({ ...query, ...(next.value === undefined ? {} : { cursor: next.value }) });
        if (mine !== generation) return;
        found = page.results.length;
        results.value = [...(results.value ?? []), ...page.results];
        next.value = page.next;
      }
      // Names may come later, or not: somebody is shown in their place.
      await parley.client.loadUsers((results.value ?? []).map((r) => r.message.senderId)).catch(() => undefined);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      if (mine === generation) problem.value = error.message;
    } finally {
      if (mine === generation) busy.value = false;
    }
  }

  return { results, busy, problem, hasMore: computed(() => next.value !== undefined), run, more };
}
