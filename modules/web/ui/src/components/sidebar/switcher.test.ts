import { expect, test } from "vitest";

import { openChannel, theChats, theGroups } from "@/client/testing/people";

import { allEntries } from "./places";
import { distance, rank } from "./switcher";

test.each([
  ["general", "general", 0],
  ["general", "gen", 1],
  ["library-of-things", "thi", 2],
  ["parcels", "cels", 3],
  ["general", "gnl", 4],
  ["Jürgen", "jurg", 1],
  ["general", "x", undefined],
  ["general", "lareneg", undefined],
])("%s is as far from %j as %s", (name, typed, far) => {
  expect(distance(name, typed)).toBe(far);
});

const [garden, kitchen] = theGroups();
const groups = [
  { ...garden!, channels: [openChannel({ id: 1, name: "general" }), openChannel({ id: 2, name: "benches" }), openChannel({ id: 3, name: "bees", unread: 2 })] },
  { ...kitchen!, channels: [openChannel({ id: 4, groupId: 2, name: "general", unread: 3, mentions: 1 })] },
];
const entries = allEntries(groups, theChats(), () => "all");

function found(typed: string, visited: string[] = [], limit = 10): string[] {
  return rank(entries, typed, visited, limit).map(({ key }) => key);
}

test("with nothing typed, what waits for the user comes first, then what is unread, then what was visited last", () => {
  expect(found("", ["c2", "c1"])).toEqual(["c4", "d2", "c3", "c2", "c1"]);
  expect(found("", [], 2)).toEqual(["c4", "d2"]);
});

test("a whole name comes before the beginning of one", () => {
  expect(found("ben")).toEqual(["d2", "c2"]);
});

test("a group's name tells apart channels that are called the same", () => {
  expect(found("general kit")).toEqual(["c4"]);
  expect(found("kitchen")).toEqual(["c4"]);
  expect(found("#general")).toEqual(["c4", "c1"]);
});

test("what answers to none of the names is not offered", () => {
  expect(found("zzz")).toEqual([]);
  expect(found("general zzz")).toEqual([]);
});

test("what is muted is not pushed to the front", () => {
  const muted = allEntries(groups, [], () => "none");
  expect(rank(muted, "", ["c1"], 10).map(({ key }) => key)).toEqual(["c1", "c3", "c2", "c4"]);
});
