import { createI18n } from "petite-vue-i18n";

import type { Texts } from "./areas";

/** The languages that there are, each by its own name. */
export const languages = { en: "English", de: "Deutsch" } as const;

export type Language = keyof typeof languages;

const loaders: Record<Language, () => Promise<{ default: Texts }>> = {
  en: () => import("./en"),
  de: () => import("./de"),
};

/** The first of the wanted languages (as browsers list them, `de-AT`) that there is, and English if there is none. */
export function pickLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const language = tag.toLowerCase().split("-")[0];
    if (language && Object.hasOwn(languages, language)) return language as Language;
  }
  return "en";
}

/** Texts in the language of the user. Only the language that is used is loaded. */
export function createTexts() {
  const i18n = createI18n<false>({ locale: "en", fallbackLocale: "en", fallbackWarn: false });
  const { locale, setLocaleMessage } = i18n.global;
  const loaded = new Set<Language>();

  /** Loads a language, if it is not here yet, and shows everything in it. */
  async function use(language: Language): Promise<void> {
    if (!loaded.has(language)) {
      const { default: texts } = await loaders[language]();
      // Compiled texts are a matter between the build and the library, whose types say string.
      setLocaleMessage(language, texts as Record<string, string>);
      loaded.add(language);
    }
    locale.value = language;
    document.documentElement.lang = language;
  }

  return { i18n, use };
}
