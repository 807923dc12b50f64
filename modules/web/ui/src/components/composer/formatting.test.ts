import { describe, expect, it } from "vitest";

import { type Change, lengthOf, linkSelection, toggleMark } from "./formatting";

/** Shows a text with its selection as "a [b] c". */
function after(text: string, { start, end, insert, select: [from, to] }: Change): string {
  const changed = text.slice(0, start) + insert + text.slice(end);
  return `${changed.slice(0, from)}[${changed.slice(from, to)}]${changed.slice(to)}`;
}

/** Takes a text with its selection apart. */
function parts(marked: string): [text: string, start: number, end: number] {
  const start = marked.indexOf("[");
  return [marked.replace("[", "").replace("]", ""), start, marked.indexOf("]") - 1];
}

describe("toggleMark", () => {
  it.each([
    ["so [bold] it", "**", "so **[bold]** it"],
    ["so **[bold]** it", "**", "so [bold] it"],
    ["so **[bold]** it", "*", "so ***[bold]*** it"],
    ["so *[bold]* it", "*", "so [bold] it"],
    ["[]", "**", "**[]**"],
    ["**[]**", "**", "[]"],
    ["a [b] c", "`", "a `[b]` c"],
  ])("of %j with %s", (before, mark, result) => {
    const [text, start, end] = parts(before);
    expect(after(text, toggleMark(text, start, end, mark))).toBe(result);
  });
});

describe("linkSelection", () => {
  it.each<[string, string, string | null]>([
    ["see [here] now", "https://example.org/a", "see [here](https://example.org/a)[] now"],
    ["see [here] now", " https://example.org/a_(b) \n", "see [here](https://example.org/a_%28b%29)[] now"],
    ["see [] now", "https://example.org", null],
    ["see [here] now", "just text", null],
    ["see [here] now", "javascript:alert(1)", null],
    ["see [https://a.example] now", "https://example.org", null],
  ])("in %j of %j", (before, pasted, result) => {
    const [text, start, end] = parts(before);
    const change = linkSelection(text, start, end, pasted);
    // The brackets of the link are told from those of the selection by where they are.
    expect(change && text.slice(0, change.start) + change.insert + text.slice(change.end)).toBe(result?.replace("[]", "") ?? null);
  });
});

it("counts characters as the server does", () => {
  expect(lengthOf("")).toBe(0);
  expect(lengthOf("añ")).toBe(2);
  expect(lengthOf("😀👍🏽")).toBe(3);
});
