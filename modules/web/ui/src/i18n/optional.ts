import { useI18n } from "petite-vue-i18n";

/** Finds texts that need not be there: not every code that a server may send has one. */
export function useOptionalText(): (key: string) => string | undefined {
  const { t, locale, getLocaleMessage } = useI18n();
  return (key) => (Object.hasOwn(getLocaleMessage(locale.value), key) ? t(key) : undefined);
}
