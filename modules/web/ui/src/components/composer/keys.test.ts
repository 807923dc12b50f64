import { describe, expect, it } from "vitest";

import { markOf, sends } from "./keys";

const plain = { key: "Enter", shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, isComposing: false };

describe("sends", () => {
  it.each([
    ["Enter", {}, true, false, true],
    ["Shift+Enter", { shiftKey: true }, true, false, false],
    ["Enter while a character is composed", { isComposing: true }, true, false, false],
    ["Enter where it begins a line", {}, false, false, false],
    ["Ctrl+Enter where Enter begins a line", { ctrlKey: true }, false, false, true],
    ["Cmd+Enter", { metaKey: true }, true, false, true],
    ["Enter of a touch screen", {}, true, true, false],
    ["another key", { key: "a" }, true, false, false],
  ])("%s", (_, press, enterSends, touch, expected) => {
    expect(sends({ ...plain, ...press }, { enterSends, touch })).toBe(expected);
  });
});

it("knows the keys of marks", () => {
  expect(markOf({ ...plain, key: "b", ctrlKey: true })).toBe("**");
  expect(markOf({ ...plain, key: "I", metaKey: true })).toBe("*");
  expect(markOf({ ...plain, key: "e", ctrlKey: true })).toBe("`");
  expect(markOf({ ...plain, key: "b" })).toBeUndefined();
  expect(markOf({ ...plain, key: "i", ctrlKey: true, shiftKey: true })).toBeUndefined();
});
