import { describe, expect, it } from "vitest";

import type { User } from "@/client";
import { at } from "@/client/testing/people";

import { findTrigger, rankEmoji, rankUsers } from "./completion";

describe("findTrigger", () => {
  it.each<[string, ReturnType<typeof findTrigger>]>([
    ["@", { kind: "mention", query: "", start: 0, end: 1 }],
    ["Hi @An", { kind: "mention", query: "an", start: 3, end: 6 }],
    ["(@an", { kind: "mention", query: "an", start: 1, end: 4 }],
    ["Hi\n@jürg", { kind: "mention", query: "jürg", start: 3, end: 8 }],
    ["mail ann@ex", null],
    ["@ann ", null],
    [":sm", { kind: "emoji", query: "sm", start: 0, end: 3 }],
    ["so :+1", { kind: "emoji", query: "+1", start: 3, end: 6 }],
    ["done: o", null],
    [":s", null],
    ["at 10:30", null],
    ["https://example", null],
  ])("in %j", (text, trigger) => {
    expect(findTrigger(text, text.length)).toEqual(trigger);
  });

  it("looks at what is before the caret alone", () => {
    expect(findTrigger("@ann is here", 3)).toEqual({ kind: "mention", query: "an", start: 0, end: 3 });
    expect(findTrigger("@ann is here", 6)).toBeNull();
  });
});

describe("rankUsers", () => {
  const people = [
    user(1, "zoe", "Zoë Annan"), user(2, "ann", "Ann Miller"), user(3, "bob", "Ann-Kathrin Bo"), user(4, "annika", "Annika"), user(5, "juergen", "Jürgen Ok"),
  ];

  it("has the username first, then beginnings, then later words", () => {
    expect(names(rankUsers(people, "ann", 8))).toEqual(["ann", "bob", "annika", "zoe"]);
  });

  it("takes no notice of accents and case", () => {
    expect(names(rankUsers(people, "jur", 8))).toEqual(["juergen"]);
    expect(names(rankUsers(people, "ZOE", 8))).toEqual(["zoe"]);
  });

  it("has those who spoke lately first among equals", () => {
    const order = new Map([[4, 0], [1, 1]]);
    const ranked = rankUsers(people, "", 3, (id) => order.get(id) ?? Number.MAX_SAFE_INTEGER);
    expect(names(ranked)).toEqual(["annika", "zoe", "ann"]);
  });

  it("finds nobody by the middle of a name", () => {
    expect(rankUsers(people, "iller", 8)).toEqual([]);
  });
});

describe("rankEmoji", () => {
  const emoji = [
    { name: "see_no_evil", emoji: "🙈" }, { name: "smile_cat", emoji: "😸" }, { name: "smile", emoji: "😄" }, { name: "cat_smile", emoji: "😸" },
    { name: "heart_eyes", emoji: "😍" }, { name: "sweat_smile", emoji: "😅" },
  ];

  it("has the shortest name that begins so first, then later words, and no emoji twice", () => {
    expect(rankEmoji(emoji, "smil", 8).map((e) => e.name)).toEqual(["smile", "smile_cat", "sweat_smile"]);
  });

  it("keeps to the limit", () => {
    expect(rankEmoji(emoji, "s", 2)).toHaveLength(2);
  });
});

function user(id: number, username: string, displayName: string): User {
  return { id, username, displayName, createdAt: at(0) };
}

function names(users: User[]): string[] {
  return users.map((u) => u.username);
}
