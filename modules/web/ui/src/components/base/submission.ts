import { ref, shallowRef, type Ref, type ShallowRef } from "vue";

import { ProblemError } from "@/client";

/** Something that is asked of the server, as a form shows it. */
export interface Submission {
  readonly busy: Readonly<Ref<boolean>>;
  /** Why the server refused it, until it is tried again. */
  readonly problem: Readonly<ShallowRef<ProblemError | undefined>>;
  /** What is wrong with a field, for people. */
  field(name: string): string | undefined;
  /** What went wrong that is shown beside none of these fields. */
  besides(...fields: string[]): string | undefined;
  /** Does the work and resolves to what it resolves to, or to undefined if the server refused it. While one is under way, another does nothing. */
  run<T>(work: () => Promise<T>): Promise<T | undefined>;
  /** The same for work that resolves to nothing: whether it was done. */
  succeeds(work: () => Promise<unknown>): Promise<boolean>;
  /** Forgets what went wrong. */
  reset(): void;
}

/** Keeps the busy state and the problem of one form or action. */
export function useSubmission(): Submission {
  const busy = ref(false);
  const problem = shallowRef<ProblemError>();

  async function run<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (busy.value) return undefined;
    busy.value = true;
    problem.value = undefined;
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      problem.value = error;
      return undefined;
    } finally {
      busy.value = false;
    }
  }

  return {
    busy,
    problem,
    field: (name) => problem.value?.field(name),
    besides: (...fields) => (fields.some((name) => problem.value?.field(name)) ? undefined : problem.value?.message),
    run,
    succeeds: async (work) => (await run(() => work().then(() => true))) === true,
    reset: () => { problem.value = undefined; },
  };
}
