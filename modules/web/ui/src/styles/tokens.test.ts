import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

const css = readFileSync(join(import.meta.dirname, "tokens.css"), "utf8");

/** The colours of a theme by their names. */
function coloursOf(theme: string): Map<string, string> {
  const block = new RegExp(`\\[data-theme="${theme}"\\] \\{([^}]*)\\}`).exec(css)?.[1] ?? "";
  return new Map([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((match) => [match[1]!, match[2]!]));
}

/** Relative luminance, as WCAG 2 defines it. */
function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light! + 0.05) / (dark! + 0.05);
}

const backgrounds = ["bg", "bg-raised", "bg-sunken", "bg-hover", "bg-selected"];

/** What is written on what. */
const written: [text: string, on: string[]][] = [
  ["text", [...backgrounds, "accent-soft", "danger-soft", "mention-bg"]],
  ["text-muted", [...backgrounds, "accent-soft", "mention-bg"]],
  ["text-faint", ["bg", "bg-raised", "bg-sunken", "bg-hover", "mention-bg"]],
  ["accent", ["bg", "bg-raised", "bg-sunken", "accent-soft", "mention-bg"]],
  ["on-accent", ["accent", "accent-hover"]],
  ["danger", ["bg", "bg-raised", "bg-sunken", "danger-soft"]],
  ["on-danger", ["danger", "danger-hover"]],
  ["success", ["bg", "bg-raised"]],
  ["warning", ["bg", "bg-raised"]],
];

test.each(["light", "dark"])("every text of the %s theme can be read", (theme) => {
  const colours = coloursOf(theme);
  for (const [text, on] of written) {
    for (const background of on) {
      expect(contrast(colours.get(text)!, colours.get(background)!), `${text} on ${background}`).toBeGreaterThanOrEqual(4.5);
    }
  }
  for (const background of ["bg", "bg-raised"]) {
    expect(contrast(colours.get("border-strong")!, colours.get(background)!), `edges of fields on ${background}`).toBeGreaterThanOrEqual(3);
    expect(contrast(colours.get("focus")!, colours.get(background)!), `what is focused on ${background}`).toBeGreaterThanOrEqual(3);
  }
});

test("both themes have the same colours", () => {
  expect([...coloursOf("dark").keys()].sort()).toEqual([...coloursOf("light").keys()].sort());
});
