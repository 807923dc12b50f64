import { defineStore } from "pinia";
import { shallowRef } from "vue";

/** What the user is asked before something that cannot be undone. */
export interface Question {
  title: string;
  text: string;
  /** What the button says that goes on: a verb. */
  action: string;
  danger?: boolean;
}

/** The question that is being asked, for the ConfirmDialog in App.vue. */
export const useConfirmation = defineStore("confirmation", () => {
  const question = shallowRef<Question>();
  let settle: ((yes: boolean) => void) | undefined;

  /** Resolves to true if the user goes on, and to false in every other case. */
  function ask(what: Question): Promise<boolean> {
    settle?.(false);
    question.value = what;
    return new Promise((resolve) => {
      settle = resolve;
    });
  }

  function answer(yes: boolean): void {
    settle?.(yes);
    settle = undefined;
    question.value = undefined;
  }

  return { question, ask, answer };
});

/** Asks the user: `if (await confirm({ title, text, action, danger: true })) …`. */
export function useConfirm(): (question: Question) => Promise<boolean> {
  return useConfirmation().ask;
}
