import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";

const key = "parley.emoji";
const toneKey = "parley.emoji.tone";
const limit = 24;

/** What is offered as long as nothing was used. */
const usual = ["👍", "❤️", "😂"];

/** The emoji that were used last on this device, the latest first. */
export const useRecentEmoji = defineStore("recentEmoji", () => {
  const recent = ref(parseRecent(localStorage.getItem(key)));

  function use(emoji: string): void {
    recent.value = [emoji, ...recent.value.filter((other) => other !== emoji)].slice(0, limit);
    localStorage.setItem(key, JSON.stringify(recent.value));
  }

  /** Three to react with at once, in an order that does not change with each use. */
  const quick = computed(() => [...new Set([...recent.value, ...usual])].slice(0, usual.length).sort());

  /** The skin tone that was chosen last; "" for none. */
  const tone = ref(localStorage.getItem(toneKey) ?? "");
  watch(tone, (chosen) => {
    localStorage.setItem(toneKey, chosen);
  });

  return { recent, quick, tone, use };
});

/** What is kept under the key, as far as it makes sense. */
export function parseRecent(text: string | null): string[] {
  try {
    const kept: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(kept) ? kept.filter((emoji): emoji is string => typeof emoji === "string" && emoji.length < 40).slice(0, limit) : [];
  } catch {
    return [];
  }
}
