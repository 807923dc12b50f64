import { computed, ref, shallowRef, toValue, type ComputedRef, type MaybeRefOrGetter, type Ref } from "vue";
import { useI18n } from "petite-vue-i18n";

import type { Place } from "@/client";

import { type EmojiName, findTrigger, type Option, rankEmoji, rankUsers, type Trigger } from "./completion";
import { loadEmojiNames } from "./emojiNames";
import type { Change } from "./formatting";
import { useCandidates } from "./useCandidates";

const maxOptions = 8;

/** The list of ways to complete what is being typed: what is in it, and which one is active. */
export interface Completion {
  options: ComputedRef<readonly Option[]>;
  active: Ref<number>;
  /** Says what the text is now, and where the caret is. */
  update(text: string, caret: number): void;
  /** Moves the active option by one, around the ends. */
  move(by: 1 | -1): void;
  /** The change that takes an option, the active one unless another is named. */
  accept(option?: Option): Change | null;
  /** Closes the list until something else is begun. */
  close(): void;
}

/** Completes @names and :emoji: in a place. */
export function useCompletion(place: MaybeRefOrGetter<Place>): Completion {
  const { t } = useI18n();
  const candidates = useCandidates(place);
  const names = shallowRef<readonly EmojiName[]>([]);
  const trigger = shallowRef<Trigger | null>(null);
  const closedAt = ref<number>();
  const active = ref(0);

  const options = computed((): readonly Option[] => {
    const begun = trigger.value;
    if (!begun || begun.start === closedAt.value) return [];
    return begun.kind === "mention" ? mentions(begun.query) : emoji(begun.query);
  });

  function mentions(query: string): Option[] {
    const everybody: Option = {
      key: "channel", kind: "channel", insert: "@channel ", label: "@channel", detail: t("composer.everybody"),
    };
    const found = rankUsers(candidates.users.value, query, maxOptions, candidates.rank).map((user): Option => ({
      key: `u${user.id}`, kind: "user", insert: `@${user.username} `, label: user.displayName, detail: `@${user.username}`, userId: user.id,
    }));
    const calls = toValue(place).kind === "channel" && "channel".startsWith(query);
    // Calling everybody is rarely meant: it is never what Enter takes, unless it is all there is.
    return calls ? [...found.slice(0, maxOptions - 1), everybody] : found;
  }

  function emoji(query: string): Option[] {
    return rankEmoji(names.value, query, maxOptions).map(({ name, emoji: sign }) => ({
      key: `e${name}`, kind: "emoji", insert: `${sign} `, label: sign, detail: `:${name}:`,
    }));
  }

  /** Without an answer, say while offline, nothing is suggested; the next name that is begun asks again. */
  function load(kind: Trigger["kind"]): void {
    if (kind === "mention") void candidates.load().catch(() => undefined);
    else void loadEmojiNames().then((all) => (names.value = all), () => undefined);
  }

  function update(text: string, caret: number): void {
    const begun = findTrigger(text, caret);
    if (begun?.start !== closedAt.value) closedAt.value = undefined;
    const { kind, start, query } = trigger.value ?? {};
    trigger.value = begun;
    if (begun?.query !== query || begun?.start !== start) active.value = 0;
    if (begun && (begun.start !== start || begun.kind !== kind)) load(begun.kind);
  }

  function move(by: 1 | -1): void {
    const count = options.value.length;
    if (count > 0) active.value = (active.value + by + count) % count;
  }

  function accept(option = options.value[active.value]): Change | null {
    const begun = trigger.value;
    if (!option || !begun) return null;
    const caret = begun.start + option.insert.length;
    trigger.value = null;
    return { start: begun.start, end: begun.end, insert: option.insert, select: [caret, caret] };
  }

  function close(): void {
    closedAt.value = trigger.value?.start;
  }

  return { options, active, update, move, accept, close };
}
