import { expect, it } from "vitest";

import { namesOf } from "./emojiNames";

it("makes emoji of code points, and none that looks like a letter", () => {
  const names = namesOf({ "2600": "sunny", "2615": "coffee", "1F44D": ["+1", "thumbsup"], "1F1E9-1F1EA": "de" });
  expect(names).toEqual([
    { name: "sunny", emoji: "☀\uFE0F" }, { name: "coffee", emoji: "☕" }, { name: "+1", emoji: "👍" }, { name: "thumbsup", emoji: "👍" },
    { name: "de", emoji: "🇩🇪" },
  ]);
});
