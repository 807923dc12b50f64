import { expect, it } from "vitest";

import { moveInGrid } from "./grid";

// Ten cells in rows of four.
it.each([
  ["ArrowRight", 0, 1], ["ArrowRight", 9, 9], ["ArrowLeft", 0, 0], ["ArrowLeft", 4, 3], ["ArrowDown", 1, 5], ["ArrowDown", 7, 7], ["ArrowUp", 5, 1],
  ["ArrowUp", 2, 2], ["Home", 6, 0], ["End", 0, 9], ["a", 0, undefined],
])("%s at %i leads to %s", (key, from, to) => {
  expect(moveInGrid(key, from, 10, 4)).toBe(to);
});
