import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { emojiOf, findEmoji, groups, loadEmoji, tones, withTone } from "./emoji";

const plain = (emoji: string) => emoji.replace(/[\uFE0E\uFE0F]/g, "");
const accepted = new Set(readFileSync("../../reaction/emoji.txt", "utf8").split("\n").filter((line) => line && !line.startsWith("# ")).map(plain));

describe.each(["en", "de"] as const)("the emoji that can be picked in %s", async (language) => {
  const all = await loadEmoji(language);

  it("are those that the server takes", () => {
    expect(all.length).toBeGreaterThan(1_800);
    expect(all.map((e) => e.emoji).filter((emoji) => !accepted.has(plain(emoji)))).toEqual([]);
  });

  it("are those in every skin tone", () => {
    const toned = all.filter((e) => e.tones).flatMap((e) => tones.map((tone) => withTone(e, tone)));
    expect(toned.length).toBeGreaterThan(1_500);
    expect(toned.filter((emoji) => !accepted.has(plain(emoji)))).toEqual([]);
  });

  it("are all in a group that is shown", () => {
    const shown = new Set<number>(groups.map(([group]) => group));
    expect(all.filter((e) => !shown.has(e.group))).toEqual([]);
  });
});

describe("findEmoji", () => {
  const all = emojiOf(
    [["👋", 1, "winkende Hand", "hallo", 1], ["🎉", 6, "Konfettibombe", "feiern party"], ["🥳", 0, "Partygesicht", "feier"]],
    [["👋", 1, "waving hand", "bye hi", 1], ["🎉", 6, "party popper", "tada"], ["🥳", 0, "partying face", "celebrate"]],
  );
  const cases: [query: string, found: string[]][] = [
    ["wink", ["👋"]], ["WAVING", ["👋"]], ["hand winkende", ["👋"]], ["inken", []], [":tada", ["🎉"]], ["party", ["🥳", "🎉"]], ["", []], ["  ", []],
  ];
  it.each(cases)("finds %j", (query, found) => {
    expect(findEmoji(all, query, 10).map((e) => e.emoji)).toEqual(found);
  });

  it("finds no more than asked for", () => {
    expect(findEmoji(all, "party", 1)).toHaveLength(1);
  });
});
