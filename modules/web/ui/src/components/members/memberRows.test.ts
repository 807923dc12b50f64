import { describe, expect, it } from "vitest";

import type { PresenceState, Role } from "@/client";
import { at } from "@/client/testing/people";

import { findPeople, personFrom, rowsByPresence, rowsByRole, type Person, type Row } from "./memberRows";

function person(id: number, displayName: string, role: Role | undefined = "member"): Person {
  return { user: { id, username: `user${id}`, displayName, createdAt: at(0) }, role };
}

const people = [person(1, "Zoë Álvarez", "owner"), person(2, "ben", "admin"), person(3, "Änne"), person(4, "Ben", undefined)];
const names = (list: readonly Person[]) => list.map((p) => p.user.displayName);
const shown = (rows: readonly Row[]) => rows.map((row) => (row.kind === "heading" ? `${row.section} ${row.count}` : row.person.user.id));

describe("findPeople", () => {
  it("sorts by name, and by id those of the same name", () => {
    expect(names(findPeople(people, "", "de"))).toEqual(["Änne", "ben", "Ben", "Zoë Álvarez"]);
  });

  it.each([
    ["zoe", ["Zoë Álvarez"]],
    ["ALV  zoë", ["Zoë Álvarez"]],
    ["user3", ["Änne"]],
    ["ben", ["ben", "Ben"]],
    ["nobody", []],
  ])("finds by %j", (query, found) => {
    expect(names(findPeople(people, query, "en"))).toEqual(found);
  });
});

it("groups by presence, those of whom nothing is known as offline", () => {
  const presence = new Map<number, PresenceState>([[1, "away"], [2, "online"], [3, "offline"]]);
  expect(shown(rowsByPresence(people, (id) => presence.get(id)))).toEqual(["online 1", 2, "away 1", 1, "offline 2", 3, 4]);
});

it("groups by role, and leaves out what nobody has", () => {
  expect(shown(rowsByRole(people))).toEqual(["owner 1", 1, "admin 1", 2, "member 2", 3, 4]);
  expect(shown(rowsByRole([]))).toEqual([]);
});

describe("personFrom", () => {
  const rows = rowsByRole(people); // heading, 1, heading, 2, heading, 3, 4

  it.each([
    [0, 1, 1],
    [2, 1, 3],
    [2, -1, 1],
    [0, -1, 1],
    [-1, -1, 1],
    [6, 1, 6],
    [7, 1, 6],
  ] as const)("from %i by %i is %i", (from, step, index) => {
    expect(personFrom(rows, from, step)).toBe(index);
  });

  it("is -1 if there is nobody", () => {
    expect(personFrom([], 0, 1)).toBe(-1);
  });
});
