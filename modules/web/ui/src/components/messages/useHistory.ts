import { type Ref, ref, shallowRef, type ShallowRef } from "vue";

import { type Place, ProblemError } from "@/client";
import { useParley } from "@/stores/parley";

/** One end of what is here of a place. */
export interface End {
  readonly busy: Readonly<Ref<boolean>>;
  readonly problem: Readonly<ShallowRef<ProblemError | undefined>>;
  /** Fetches more, unless that is under way, or has failed: then only if the user asks for it. */
  load(asked?: boolean): Promise<void>;
}

/** Fetches more messages at an end of a place. */
export function useEnd(place: Place, end: "older" | "newer" | "open"): End {
  const parley = useParley();
  const busy = ref(false);
  const problem = shallowRef<ProblemError>();

  async function load(asked = false): Promise<void> {
    if (busy.value || (problem.value && !asked)) return;
    busy.value = true;
    problem.value = undefined;
    try {
      await parley.client[end](place);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      problem.value = error;
    } finally {
      busy.value = false;
    }
  }

  return { busy, problem, load };
}
