import { expect, onTestFinished, test, vi } from "vitest";

import { Leases } from "./locks.js";
import { Keep, MemoryStorage } from "./storage.js";

/** Tabs that share a storage, without locks of the browser. */
function tabs(count: number): { locks: Leases[]; keep: Keep } {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const keep = new Keep(new MemoryStorage(), "test:");
  return { locks: Array.from({ length: count }, () => new Leases(keep)), keep };
}

test("one of several tabs at a time does a job", async () => {
  const { locks } = tabs(4);
  let busy = 0;
  let most = 0;
  let done = 0;
  for (const lock of [...locks, ...locks]) {
    void lock.hold("job", async () => {
      most = Math.max(most, ++busy);
      await new Promise((resolve) => setTimeout(resolve, 300));
      busy--;
      done++;
    });
  }
  await vi.advanceTimersByTimeAsync(30_000);
  expect([most, done]).toEqual([1, 8]);
});

test("a job that takes long keeps its lock, and one that fails gives it back", async () => {
  const { locks: [one, other], keep } = tabs(2);
  const long = one!.hold("job", () => new Promise<void>((resolve) => setTimeout(resolve, 500_000)));
  const failed = vi.fn();
  other!.hold("job", () => Promise.reject(new Error("no"))).catch(failed);
  await vi.advanceTimersByTimeAsync(499_000);
  expect(failed).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2_000);
  await long;
  expect(failed).toHaveBeenCalled();
  expect(keep.keys("lock:")).toEqual([]);
});

test("the lock of a tab that is gone is free after a while, and at once if the tab gave it back", async () => {
  const { locks: [, other, third], keep } = tabs(3);
  keep.set("lock:job", { owner: "gone", until: Date.now() + 100_000 });
  const got = vi.fn();
  void other!.hold("job", () => new Promise(got));
  await vi.advanceTimersByTimeAsync(99_000);
  expect(got).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(got).toHaveBeenCalled();

  const next = vi.fn(() => Promise.resolve());
  void third!.hold("job", next);
  other!.release();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(next).toHaveBeenCalled();
});

test("whoever gives up does not wait any more", async () => {
  const { locks: [one, other] } = tabs(2);
  void one!.hold("job", () => new Promise(() => undefined));
  const end = new AbortController();
  const given = expect(other!.hold("job", () => Promise.resolve(), end.signal)).rejects.toThrow();
  await vi.advanceTimersByTimeAsync(1_000);
  end.abort();
  await vi.advanceTimersByTimeAsync(1_000);
  await given;
});
