import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { effectScope, shallowRef } from "vue";

import type { Id, Parley } from "@/client";

import { useParley } from "./parley";
import { fairUnion, gatherFor, maxWatched, usePresenceOf } from "./presence";

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe("fairUnion", () => {
  it("takes everybody once as long as there is room", () => {
    expect([...fairUnion([[1, 2, 3], [2, 4]], 10)].sort()).toEqual([1, 2, 3, 4]);
  });

  it("gives everyone who shows people an equal share, the first ones first", () => {
    expect(fairUnion([range(1, 100), [201, 202], range(301, 400)], 8)).toEqual(new Set([1, 201, 301, 2, 202, 302, 3, 303]));
  });

  it("is empty if nobody shows people", () => {
    expect(fairUnion([], 10).size).toBe(0);
    expect(fairUnion([[], []], 10).size).toBe(0);
  });
});

describe("usePresenceOf", () => {
  const watch = vi.fn<(ids: Iterable<Id>) => void>();
  const told = () => watch.mock.calls.map(([ids]) => [...ids]);

  beforeEach(() => {
    vi.useFakeTimers();
    watch.mockReset();
    setActivePinia(createPinia());
    useParley().use({ subscribe: () => () => undefined, watch } as unknown as Parley);
  });
  afterEach(() => { vi.useRealTimers(); });

  /** A component that shows people. */
  function shows(ids: Id[]) {
    const list = shallowRef(ids);
    const scope = effectScope();
    scope.run(() => { usePresenceOf(list); });
    return { list, end: () => { scope.stop(); } };
  }

  it("watches whom any component shows, told once", () => {
    shows([1, 2]);
    shows([2, 3]);
    vi.advanceTimersByTime(gatherFor);
    expect(told().map((ids) => ids.sort())).toEqual([[1, 2, 3]]);
  });

  it("follows what is shown, and ends with the component", async () => {
    const panel = shows([1, 2]);
    vi.advanceTimersByTime(gatherFor);
    panel.list.value = [2, 3];
    await Promise.resolve();
    vi.advanceTimersByTime(gatherFor);
    panel.end();
    vi.advanceTimersByTime(gatherFor);
    expect(told()).toEqual([[1, 2], [2, 3], []]);
  });

  it("says nothing if it comes to the same", () => {
    shows([1]);
    vi.advanceTimersByTime(gatherFor);
    shows([1]).end();
    vi.advanceTimersByTime(gatherFor);
    expect(told()).toEqual([[1]]);
  });

  it("watches no more than a connection can", () => {
    shows(range(1, 500));
    vi.advanceTimersByTime(gatherFor);
    expect(told()[0]).toHaveLength(maxWatched);
  });
});
