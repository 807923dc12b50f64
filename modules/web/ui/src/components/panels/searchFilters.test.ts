import { expect, it } from "vitest";

import { addressOf, filtersOf, searchOf } from "./searchFilters";

it("reads an address, and writes the same one", () => {
  const query = { q: "lemon cake", from: "3", after: "2026-03-01", before: "2026-03-02" };
  expect(addressOf(filtersOf(query))).toEqual(query);
});

it("takes no notice of what makes no sense", () => {
  expect(filtersOf({ q: ["a", "b"], from: "x", after: "tomorrow" })).toEqual({ q: "", from: undefined, after: "", before: "" });
});

it("asks for whole days, with the last one in", () => {
  const { after = "", before = "" } = searchOf(filtersOf({ q: "a", after: "2026-03-01", before: "2026-03-01" }));
  expect(Date.parse(before) - Date.parse(after)).toBe(24 * 3600 * 1000);
  expect(new Date(after).getHours()).toBe(0);
  expect(searchOf(filtersOf({ q: "a" }))).toEqual({ q: "a" });
});
