import { defineStore } from "pinia";
import { computed, onScopeDispose, ref, shallowRef } from "vue";

import { type Language, languages, pickLanguage } from "@/i18n";

import { readKept, writeKept } from "./kept";

export type Theme = "system" | "light" | "dark";

/** What is kept on this device, for all who use it. */
interface Kept {
  theme: Theme;
  /** "system": the language that the browser asks for. */
  language: Language | "system";
  /** Whether the user wants desktop notifications; the browser's permission is another matter. */
  notifications: boolean;
  /** Whether Enter sends. If not, Ctrl+Enter does. */
  enterSends: boolean;
}

const key = "parley.settings";
const defaults: Kept = { theme: "system", language: "system", notifications: true, enterSends: true };

/** The settings of what is kept, as far as it makes sense: another version of the program, or a person, may have written it. */
export function parseSettings(raw: unknown): Kept {
  const kept = (typeof raw === "object" && raw !== null ? raw : {}) as Partial<Record<keyof Kept, unknown>>;
  return {
    theme: kept.theme === "light" || kept.theme === "dark" ? kept.theme : defaults.theme,
    language: typeof kept.language === "string" && Object.hasOwn(languages, kept.language) ? (kept.language as Language) : defaults.language,
    notifications: typeof kept.notifications === "boolean" ? kept.notifications : defaults.notifications,
    enterSends: typeof kept.enterSends === "boolean" ? kept.enterSends : defaults.enterSends,
  };
}

/** The preferences of whoever uses this device. They hold at once, in all tabs. */
export const useSettings = defineStore("settings", () => {
  const kept = shallowRef(parseSettings(readKept(key)));

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const systemDark = ref(dark.matches);

  function onSystem(event: MediaQueryListEvent): void {
    systemDark.value = event.matches;
  }
  function onStorage(event: StorageEvent): void {
    if (event.key === key) kept.value = parseSettings(readKept(key));
  }
  dark.addEventListener("change", onSystem);
  window.addEventListener("storage", onStorage);
  onScopeDispose(() => {
    dark.removeEventListener("change", onSystem);
    window.removeEventListener("storage", onStorage);
  });

  /** The theme that is shown. */
  const shownTheme = computed<"light" | "dark">(() => (kept.value.theme !== "system" ? kept.value.theme : systemDark.value ? "dark" : "light"));
  /** The language that is shown. */
  const shownLanguage = computed<Language>(() => (kept.value.language === "system" ? pickLanguage(navigator.languages) : kept.value.language));

  function field<K extends keyof Kept>(name: K) {
    return computed<Kept[K]>({
      get: () => kept.value[name],
      set: (value) => {
        kept.value = { ...kept.value, [name]: value };
        writeKept(key, kept.value);
      },
    });
  }

  return {
    theme: field("theme"),
    language: field("language"),
    notifications: field("notifications"),
    enterSends: field("enterSends"),
    shownTheme,
    shownLanguage,
  };
});
