import { expect, test } from "vitest";

import { displayNameProblem, passwordProblem, usernameProblem } from "./rules";

test.each([
  ["ann", undefined],
  ["Ann_lee.2-b", undefined],
  ["7up", undefined],
  ["an", "auth.rule.usernameShort"],
  ["", "auth.rule.usernameShort"],
  ["a".repeat(32), undefined],
  ["a".repeat(33), "auth.rule.usernameLong"],
  ["_ann", "auth.rule.usernameCharacters"],
  ["ann lee", "auth.rule.usernameCharacters"],
  ["zoë", "auth.rule.usernameCharacters"],
])("the username %j", (username, problem) => {
  expect(usernameProblem(username)).toBe(problem);
});

test("passwords have 8 to 256 characters, whatever they consist of", () => {
  expect(passwordProblem("1234567")).toBe("auth.rule.passwordShort");
  expect(passwordProblem("🐴".repeat(7))).toBe("auth.rule.passwordShort");
  expect(passwordProblem("🐴".repeat(8))).toBeUndefined();
  expect(passwordProblem("🐴".repeat(256))).toBeUndefined();
  expect(passwordProblem("x".repeat(257))).toBe("auth.rule.passwordLong");
});

test("a name has something to see, and not too much of it", () => {
  expect(displayNameProblem("  ")).toBe("auth.rule.nameMissing");
  expect(displayNameProblem(" Zoë ")).toBeUndefined();
  expect(displayNameProblem(` ${"x".repeat(64)} `)).toBeUndefined();
  expect(displayNameProblem("x".repeat(65))).toBe("auth.rule.nameLong");
});
