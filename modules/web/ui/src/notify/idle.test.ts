import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { idleAfter, watchIdle } from "./idle";

let end: () => void;
const told = vi.fn<(away: boolean) => void>();

beforeEach(() => {
  vi.useFakeTimers();
  told.mockReset();
  end = watchIdle(told);
});

afterEach(() => {
  end();
  vi.useRealTimers();
});

it("tells that nobody is there after five minutes, once", () => {
  vi.advanceTimersByTime(idleAfter - 1);
  expect(told).not.toHaveBeenCalled();

  vi.advanceTimersByTime(1);
  expect(told.mock.calls).toEqual([[true]]);

  vi.advanceTimersByTime(idleAfter * 3);
  expect(told).toHaveBeenCalledTimes(1);
});

it("counts from the last sign of life", () => {
  vi.advanceTimersByTime(idleAfter - 1000);
  dispatchEvent(new Event("keydown"));
  vi.advanceTimersByTime(idleAfter - 1);
  expect(told).not.toHaveBeenCalled();

  vi.advanceTimersByTime(1);
  expect(told.mock.calls).toEqual([[true]]);
});

it("tells that somebody is back, and begins anew", () => {
  vi.advanceTimersByTime(idleAfter);
  dispatchEvent(new Event("pointermove"));
  expect(told.mock.calls).toEqual([[true], [false]]);

  vi.advanceTimersByTime(idleAfter);
  expect(told.mock.calls).toEqual([[true], [false], [true]]);
});

it("takes a window that is shown again for a sign of life", () => {
  vi.advanceTimersByTime(idleAfter);
  document.dispatchEvent(new Event("visibilitychange"));
  expect(told.mock.calls).toEqual([[true], [false]]);
});

it("says nothing once it has ended", () => {
  end();
  vi.advanceTimersByTime(idleAfter);
  expect(told).not.toHaveBeenCalled();
});
