import { createPinia, setActivePinia } from "pinia";
import { beforeEach, expect, test, vi } from "vitest";

import { parseSettings, useSettings } from "./settings";

const defaults = { theme: "system", language: "system", notifications: true, enterSends: true };

beforeEach(() => {
  localStorage.clear();
  setActivePinia(createPinia());
});

/** Has the system a dark theme or a light one, and returns what changes it. */
function systemTheme(dark: boolean): (dark: boolean) => void {
  const query = Object.assign(new EventTarget(), { matches: dark });
  vi.spyOn(window, "matchMedia").mockReturnValue(query as unknown as MediaQueryList);
  return (now) => query.dispatchEvent(Object.assign(new Event("change"), { matches: now }));
}

test("what makes no sense is what it is by default", () => {
  expect(parseSettings(undefined)).toEqual(defaults);
  expect(parseSettings([1])).toEqual(defaults);
  expect(parseSettings({ theme: "pink", language: "toString", notifications: "yes", enterSends: 1 })).toEqual(defaults);
  expect(parseSettings({ theme: "dark", language: "de", notifications: false, enterSends: false, more: 1 })).toEqual({
    theme: "dark",
    language: "de",
    notifications: false,
    enterSends: false,
  });
});

test("settings outlive the page", () => {
  useSettings().theme = "dark";
  useSettings().enterSends = false;
  setActivePinia(createPinia());
  expect(useSettings().theme).toBe("dark");
  expect(useSettings().enterSends).toBe(false);
});

test("what another tab sets holds here as well", () => {
  const settings = useSettings();
  localStorage.setItem("parley.settings", JSON.stringify({ ...defaults, language: "de" }));
  window.dispatchEvent(Object.assign(new Event("storage"), { key: "parley.settings" }));
  expect(settings.language).toBe("de");
  expect(settings.shownLanguage).toBe("de");
});

test("the theme is the system's, unless the user has chosen one", () => {
  const change = systemTheme(true);
  const settings = useSettings();
  expect(settings.shownTheme).toBe("dark");
  change(false);
  expect(settings.shownTheme).toBe("light");
  settings.theme = "dark";
  expect(settings.shownTheme).toBe("dark");
});

test("the language is the browser's, unless the user has chosen one", () => {
  vi.spyOn(navigator, "languages", "get").mockReturnValue(["de-CH", "en"]);
  const settings = useSettings();
  expect(settings.shownLanguage).toBe("de");
  settings.language = "en";
  expect(settings.shownLanguage).toBe("en");
});
