import { afterEach, expect, test } from "vitest";

import { type Command, commandOf } from "./keys";

afterEach(() => document.body.replaceChildren());

/** The command of a key press, in an element or anywhere. */
function press(key: string, keys: Partial<KeyboardEvent> = {}, tag = "div"): Command | undefined {
  const element = document.body.appendChild(document.createElement(tag));
  let command: Command | undefined;
  element.addEventListener("keydown", (event) => (command = commandOf(event)));
  element.dispatchEvent(new KeyboardEvent("keydown", { key, ...keys }));
  return command;
}

test("keys that are commands everywhere", () => {
  for (const tag of ["div", "textarea"]) {
    expect(press("k", { ctrlKey: true }, tag)).toBe("switcher");
    expect(press("K", { metaKey: true }, tag)).toBe("switcher");
    expect(press("ArrowUp", { altKey: true }, tag)).toBe("previous");
    expect(press("ArrowDown", { altKey: true }, tag)).toBe("next");
    expect(press("ArrowUp", { altKey: true, shiftKey: true }, tag)).toBe("previous-unread");
    expect(press("ArrowDown", { altKey: true, shiftKey: true }, tag)).toBe("next-unread");
  }
});

test("a question mark is text where text is written", () => {
  expect(press("?", { shiftKey: true })).toBe("shortcuts");
  expect(press("?", { shiftKey: true }, "textarea")).toBeUndefined();
  expect(press("?", { shiftKey: true }, "input")).toBeUndefined();
});

test("other keys are not commands", () => {
  expect(press("k")).toBeUndefined();
  expect(press("k", { ctrlKey: true, shiftKey: true })).toBeUndefined();
  expect(press("ArrowUp")).toBeUndefined();
  expect(press("ArrowUp", { altKey: true, ctrlKey: true })).toBeUndefined();
});
