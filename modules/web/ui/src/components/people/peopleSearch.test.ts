import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { effectScope } from "vue";

import { ProblemError, type User } from "@/client";
import { theUsers } from "@/client/testing/people";

import { typingPause, usePeopleSearch, type PeopleSearch } from "./peopleSearch";

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

interface Answer {
  resolve(users: readonly User[]): void;
  reject(error: Error): void;
}

/** A search whose answers the test gives, by query. */
function searching() {
  const asked = new Map<string, Answer>();
  const scope = effectScope();
  const search = scope.run(() => usePeopleSearch((q) => new Promise((resolve, reject) => asked.set(q, { resolve, reject })))) as PeopleSearch;
  return { search, asked, scope };
}

it("asks once nothing is typed for a moment", async () => {
  const { search, asked } = searching();
  for (const query of ["a", "an", " ann "]) search.query.value = query;
  expect(search.busy.value).toBe(true);
  vi.advanceTimersByTime(typingPause);
  expect([...asked.keys()]).toEqual(["ann"]);

  asked.get("ann")?.resolve(theUsers.slice(0, 1));
  await vi.runAllTimersAsync();
  expect(search.found.value).toEqual(theUsers.slice(0, 1));
  expect(search.answered.value).toBe("ann");
  expect(search.busy.value).toBe(false);
});

it("ignores an answer that comes after a later one", async () => {
  const { search, asked } = searching();
  search.query.value = "a";
  vi.advanceTimersByTime(typingPause);
  search.query.value = "b";
  vi.advanceTimersByTime(typingPause);

  asked.get("b")?.resolve(theUsers.slice(1, 2));
  await vi.runAllTimersAsync();
  asked.get("a")?.resolve(theUsers.slice(0, 1));
  await vi.runAllTimersAsync();
  expect(search.found.value).toEqual(theUsers.slice(1, 2));
});

it("finds nobody for nothing, and asks nobody once it has ended", () => {
  const { search, asked, scope } = searching();
  search.query.value = "  ";
  vi.advanceTimersByTime(typingPause);
  search.query.value = "a";
  scope.stop();
  vi.advanceTimersByTime(typingPause);
  expect(asked.size).toBe(0);
});

it("shows a problem until a query is answered", async () => {
  const { search, asked } = searching();
  search.query.value = "a";
  vi.advanceTimersByTime(typingPause);
  asked.get("a")?.reject(new ProblemError({ type: "about:blank", title: "Not now", status: 503, code: "unavailable" }));
  await vi.runAllTimersAsync();
  expect(search.problem.value?.message).toBe("Not now");
  expect(search.busy.value).toBe(false);
});
