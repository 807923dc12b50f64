import { flushPromises } from "@vue/test-utils";
import { expect, it } from "vitest";

import { type Locks, Windows } from "./windows";

/** The locks of one browser, as far as they are used: exclusive ones wait for each other, shared ones do not. */
function browser(): Locks {
  const held: { name: string; mode: LockMode }[] = [];
  const waiting = new Map<string, (() => void)[]>();

  async function run(lock: { name: string; mode: LockMode }, work: () => Promise<void>): Promise<void> {
    held.push(lock);
    await work();
    held.splice(held.indexOf(lock), 1);
    waiting.get(lock.name)?.shift()?.();
  }

  return {
    query: () => Promise.resolve({ held: [...held] }),
    request: (name, { mode = "exclusive", signal }, work) => {
      const lock = { name, mode };
      if (mode === "shared" || !held.some((other) => other.name === name)) return run(lock, work);
      return new Promise((resolve, reject) => {
        const next = (): void => resolve(run(lock, work));
        waiting.set(name, [...(waiting.get(name) ?? []), next]);
        signal?.addEventListener("abort", () => {
          waiting.set(name, (waiting.get(name) ?? []).filter((other) => other !== next));
          reject(new DOMException("aborted", "AbortError"));
        });
      });
    },
  };
}

it("has one window speak, and another one when that has gone", async () => {
  const locks = browser();
  const [first, second, third] = [new Windows(locks), new Windows(locks), new Windows(locks)];
  expect([first.leads, second.leads, third.leads]).toEqual([true, false, false]);

  second.end();
  first.end();
  await flushPromises();
  expect([first.leads, second.leads, third.leads]).toEqual([false, false, true]);
});

it("knows what any window shows now", async () => {
  const locks = browser();
  const [first, second] = [new Windows(locks), new Windows(locks)];
  first.show("c1");
  second.show("c1");
  second.show("d2");
  await flushPromises();
  expect([await first.isShown("c1"), await first.isShown("d2"), await first.isShown("c3")]).toEqual([true, true, false]);

  first.show(null);
  second.end();
  await flushPromises();
  expect([await first.isShown("c1"), await first.isShown("d2")]).toEqual([false, false]);
});
