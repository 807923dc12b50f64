import { describe, expect, it } from "vitest";

import type { Role } from "@/client";

import { addableRoles, can, canRemove, givableRoles, outranks, roles, type Action } from "./permissions";

describe("who may do what", () => {
  const everybody: readonly Role[] = ["owner", "admin", "member"];
  const admins: readonly Role[] = ["owner", "admin"];
  const owners: readonly Role[] = ["owner"];
  const table: Record<Action, readonly Role[]> = {
    leave: everybody,
    "change-group": admins,
    "add-members": admins,
    "manage-channels": admins,
    "manage-channel-members": admins,
    "manage-invites": admins,
    "manage-bans": admins,
    "change-roles": owners,
    "transfer-group": owners,
    "delete-group": owners,
    "moderate-messages": admins,
  };

  for (const [action, allowed] of Object.entries(table) as [Action, readonly Role[]][]) {
    it(`${action} is for ${allowed.join(", ")}`, () => {
      expect(roles.filter((role) => can(role, action))).toEqual(allowed);
      expect(can(undefined, action)).toBe(false);
    });
  }
});

describe("what takes a higher rank", () => {
  // For each role of the one who acts, and of the other: outranks, canRemove, and what may be given.
  const table: [Role, Role, boolean, boolean, Role[]][] = [
    ["owner", "owner", false, false, []],
    ["owner", "admin", true, true, ["owner", "member"]],
    ["owner", "member", true, true, ["owner", "admin"]],
    ["admin", "owner", false, false, []],
    ["admin", "admin", false, false, []],
    ["admin", "member", true, true, []],
    ["member", "owner", false, false, []],
    ["member", "admin", false, false, []],
    ["member", "member", false, false, []],
  ];

  it.each(table)("%s to %s", (role, other, above, removes, gives) => {
    expect(outranks(role, other)).toBe(above);
    expect(canRemove(role, other)).toBe(removes);
    expect(givableRoles(role, other, false)).toEqual(gives);
  });

  it("is nothing for somebody who is not in the group", () => {
    expect(canRemove(undefined, "member")).toBe(false);
    expect(givableRoles(undefined, "member", false)).toEqual([]);
    expect(addableRoles(undefined)).toEqual([]);
  });

  it("lets only owners give up their own role", () => {
    expect(givableRoles("owner", "owner", true)).toEqual(["admin", "member"]);
    expect(givableRoles("admin", "admin", true)).toEqual([]);
    expect(givableRoles("member", "member", true)).toEqual([]);
  });
});

it("lets owners add people in any role, admins as members", () => {
  expect(addableRoles("owner")).toEqual(["owner", "admin", "member"]);
  expect(addableRoles("admin")).toEqual(["member"]);
  expect(addableRoles("member")).toEqual([]);
});
