import { expect, test } from "vitest";

import { formatTime, regional } from "./times";

test("times are said as where the browser is from", () => {
  expect(regional("en", ["de-AT", "en-GB", "en-US"])).toBe("en-GB");
  expect(regional("de", ["en-GB"])).toBe("de");
  const time = "2026-03-02T14:05:00Z";
  const now = new Date("2026-03-03T10:00:00Z");
  expect(formatTime(time, "time", now, "en-GB")).toMatch(/^\d\d:05$/);
  expect(formatTime(time, "time", now, "en-US")).toMatch(/^\d{1,2}:05\s[AP]M$/);
  expect(formatTime(time, "day", now, "de")).toBe("Gestern");
});
