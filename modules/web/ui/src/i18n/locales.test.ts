import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { assemble } from "./areas";
import de from "./de";
import deLater from "./de.later";
import en from "./en";
import enLater from "./en.later";
import { languages, pickLanguage } from "./index";

const locales = join(import.meta.dirname, "locales");

function areasOf(language: string): string[] {
  return readdirSync(join(locales, language)).sort();
}

/** Every text of an area by its whole key, as it is written. */
function textsOf(language: string, area: string): Record<string, string> {
  return assemble({ [area]: JSON.parse(readFileSync(join(locales, language, area), "utf8")) as unknown }) as Record<string, string>;
}

/** What a text has filled in: {name}, {0}. */
function slots(text: string): string[] {
  return [...new Set(text.match(/\{\w+\}/g))].sort();
}

test("every language has the same areas", () => {
  for (const language of Object.keys(languages)) expect(areasOf(language), language).toEqual(areasOf("en"));
});

test.each(areasOf("en"))("%s says the same in every language", (area) => {
  const english = textsOf("en", area);
  for (const language of Object.keys(languages)) {
    const texts = textsOf(language, area);
    expect(Object.keys(texts).sort(), language).toEqual(Object.keys(english).sort());
    for (const [key, text] of Object.entries(texts)) {
      expect(text.trim(), key).not.toBe("");
      expect(slots(text), `${language} ${key}`).toEqual(slots(english[key] ?? ""));
    }
  }
});

test("every area is loaded, either first or later", () => {
  for (const [first, later] of [
    [en, enLater],
    [de, deLater],
  ] as const) {
    const keys = [...Object.keys(first), ...Object.keys(later)];
    expect([...new Set(keys.map((key) => `${key.split(".")[0] ?? ""}.json`))].sort()).toEqual(areasOf("en"));
  }
});

/** Source files, all of them. */
function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.(vue|ts)$/.test(path) && !path.endsWith(".test.ts") ? [path] : [];
  });
}

test("the texts that come later are those of pages that wait for them", () => {
  const waiting = /\/(views\/(SignIn|SignUp|Settings)\.vue|components\/(auth|settings)\/)/;
  const later = new Set(Object.keys(enLater));
  const elsewhere = sources(join(import.meta.dirname, ".."))
    .filter((path) => !waiting.test(path))
    .flatMap((path) => [...readFileSync(path, "utf8").matchAll(/["'`]([a-z]\w*(?:\.\w+)+)["'`]/gi)].map((match) => match[1] ?? ""))
    .filter((key) => later.has(key));
  expect(elsewhere).toEqual([]);
});

test("every text that is asked for is there", () => {
  const known = new Set(areasOf("en").flatMap((area) => Object.keys(textsOf("en", area))));
  const missing = sources(join(import.meta.dirname, "..")).flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(/\bt\(\s*["']([a-z]\w*(?:\.\w+)+)["']/gi)].map((match) => match[1]).filter((key) => !known.has(key ?? "")),
  );
  expect(missing).toEqual([]);
});

test("the language is the first one that the browser wants and that there is", () => {
  expect(pickLanguage(["de-AT", "en"])).toBe("de");
  expect(pickLanguage(["fr", "en-GB"])).toBe("en");
  expect(pickLanguage(["fr"])).toBe("en");
  expect(pickLanguage(["constructor"])).toBe("en");
  expect(pickLanguage([])).toBe("en");
});
