import { createI18n } from "petite-vue-i18n";

import type { Texts } from "./areas";

/** The languages that there are, each by its own name. */
export const languages = { en: "English", de: "Deutsch" } as const;

export type Language = keyof typeof languages;

type Loader = () => Promise<{ default: Texts }>;

/** The texts of most pages, and those of pages that say in the router that they need more. */
const loaders: Record<Language, { first: Loader; later: Loader }> = {
  en: { first: () => import("./en"), later: () => import("./en.later") },
  de: { first: () => import("./de"), later: () => import("./de.later") },
};

/** The first of the wanted languages (as browsers list them, `de-AT`) that there is, and English if there is none. */
export function pickLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const language = tag.toLowerCase().split("-")[0];
    if (language && Object.hasOwn(languages, language)) return language as Language;
  }
  return "en";
}

/** Texts in the language of the user. Only the language that is used is loaded, and what few pages need only for them. */
export function createTexts() {
  const i18n = createI18n<false>({ locale: "en", fallbackLocale: "en", fallbackWarn: false });
  const { locale, setLocaleMessage, getLocaleMessage } = i18n.global;
  const loads = new Map<Loader, Promise<void>>();
  const loaded = new Set<Loader>();

  async function fetchInto(language: Language, loader: Loader): Promise<void> {
    const { default: texts } = await loader();
    loaded.add(loader);
    // Compiled texts are a matter between the build and the library, whose types say string.
    setLocaleMessage(language, { ...getLocaleMessage(language), ...(texts as Record<string, string>) });
  }

  /** Loads a part that is not here yet. What could not be loaded is tried again when it is needed again. */
  function load(language: Language, part: "first" | "later"): Promise<void> {
    const loader = loaders[language][part];
    if (loaded.has(loader)) return Promise.resolve();
    const loading = loads.get(loader) ?? fetchInto(language, loader).finally(() => loads.delete(loader));
    loads.set(loader, loading);
    return loading;
  }

  function show(language: Language): void {
    locale.value = language;
    document.documentElement.lang = language;
  }

  /** Shows most pages in a language, as soon as their texts are here. */
  async function begin(language: Language): Promise<void> {
    await load(language, "first");
    show(language);
  }

  /** Shows everything in a language, as soon as its texts are here. */
  async function use(language: Language): Promise<void> {
    await Promise.all([load(language, "first"), load(language, "later")]);
    show(language);
  }

  /** Loads the texts of the current language that begin has left out. */
  function complete(): Promise<void> {
    return load(locale.value as Language, "later");
  }

  return { i18n, begin, use, complete };
}
