// What scenarios expect.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { patience } from "./stage.mjs";

export const equal = assert.deepEqual;
export const matches = assert.match;
export const check = assert.ok;

/** Waits until a look at something gives what is expected; the error shows the last look. */
export async function becomes(look, expected, what = "") {
  const until = Date.now() + patience;
  for (;;) {
    const seen = await look();
    try {
      return assert.deepEqual(seen, expected, undefined);
    } catch (error) {
      if (Date.now() > until) throw Object.assign(error, { message: `${what}: ${error.message}` });
    }
    await pause(50);
  }
}

/** Waits until something is shown. */
export const shown = (...locators) => Promise.all(locators.map((locator) => locator.first().waitFor()));

/** Waits until something is shown no longer. */
export const gone = (...locators) => Promise.all(locators.map((locator) => locator.waitFor({ state: "hidden" })));
