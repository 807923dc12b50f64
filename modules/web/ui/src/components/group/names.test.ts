import { expect, it } from "vitest";

import { asChannelName, inviteCode, inviteLink } from "./names";

it.each([
  ["General", "general"],
  ["Release  Notes", "release-notes"],
  ["ÄÖÜ_1", "äöü_1"],
  [" a ", "-a-"],
])("makes %j the channel name %j", (typed, name) => {
  expect(asChannelName(typed)).toBe(name);
});

it.each([
  ["ABC234", "ABC234"],
  ["  ABC234\n", "ABC234"],
  ["https://chat.example.org/invite/ABC234", "ABC234"],
  ["http://localhost:8080/invite/ABC234/", "ABC234"],
  ["https://chat.example.org/invite/ABC234?from=mail#x", "ABC234"],
  ["chat.example.org/invite/ABC234", "ABC234"],
  ["https://chat.example.org/", undefined],
  ["come and join", undefined],
  ["", undefined],
])("finds in %j the code %j", (pasted, code) => {
  expect(inviteCode(pasted)).toBe(code);
});

it("makes links in which the code is found again", () => {
  expect(inviteCode(inviteLink("ABC234"))).toBe("ABC234");
});
