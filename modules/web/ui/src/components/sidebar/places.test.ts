import { expect, test } from "vitest";

import { openChannel, theChats, theGroups } from "@/client/testing/people";

import { allEntries, channelEntries, isUnread, step } from "./places";

const all = () => "all" as const;
const entries = allEntries(theGroups(), theChats(), all);

test("channels come in the order of their names, the first one ever in front", () => {
  const [group] = theGroups();
  const channels = ["general", "zoo", "äpfel", "board"].map((name, i) => openChannel({ id: i + 1, name }));
  expect(channelEntries({ ...group!, channels }, all).map(({ name }) => name)).toEqual(["general", "äpfel", "board", "zoo"]);
  expect(channels.map(({ name }) => name)).toEqual(["general", "zoo", "äpfel", "board"]);
});

test("places come as the sidebar shows them", () => {
  expect(entries.map(({ key }) => key)).toEqual(["c1", "c3", "c2", "c4", "d2"]);
  expect(entries.map(({ mentions }) => mentions)).toEqual([0, 0, 1, 0, 1]);
});

test("what is muted is not unread", () => {
  const muted = allEntries(theGroups(), theChats(), (place) => (place.kind === "channel" ? "none" : "all"));
  expect(entries.filter(isUnread).map(({ key }) => key)).toEqual(["c2", "d2"]);
  expect(muted.filter(isUnread).map(({ key }) => key)).toEqual(["d2"]);
});

test("one steps from place to place, and from the last to the first", () => {
  expect(step(entries, "c1", 1)?.key).toBe("c3");
  expect(step(entries, "d2", 1)?.key).toBe("c1");
  expect(step(entries, "c1", -1)?.key).toBe("d2");
  expect(step(entries, null, 1)?.key).toBe("c1");
  expect(step(entries, null, -1)?.key).toBe("d2");
  expect(step([], "c1", 1)).toBeUndefined();
  expect(step(entries.slice(0, 1), "c1", 1)).toBeUndefined();
});

test("one steps over what is read", () => {
  expect(step(entries, "c1", 1, isUnread)?.key).toBe("c2");
  expect(step(entries, "c2", 1, isUnread)?.key).toBe("d2");
  expect(step(entries, "c2", -1, isUnread)?.key).toBe("d2");
  expect(step(entries, "c1", 1, () => false)).toBeUndefined();
});
