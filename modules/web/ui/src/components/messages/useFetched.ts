import { readonly, type Ref, ref, shallowRef, type ShallowRef } from "vue";

import { ProblemError } from "@/client";

export interface Fetched<T> {
  readonly value: Readonly<ShallowRef<T | undefined>>;
  readonly busy: Readonly<Ref<boolean>>;
  readonly problem: Readonly<ShallowRef<ProblemError | undefined>>;
  /** Fetches once more, with what was fetched before. */
  more(): Promise<void>;
}

/** Fetches something at once, and more of it when asked. */
export function useFetched<T>(fetch: (before: T | undefined) => Promise<T>): Fetched<T> {
  const value = shallowRef<T>();
  const busy = ref(false);
  const problem = shallowRef<ProblemError>();

  async function more(): Promise<void> {
    busy.value = true;
    problem.value = undefined;
    try {
      value.value = await fetch(value.value);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      problem.value = error;
    } finally {
      busy.value = false;
    }
  }

  void more();
  return { value, busy: readonly(busy), problem, more };
}
