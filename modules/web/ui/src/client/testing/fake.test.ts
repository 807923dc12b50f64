import { expect, test } from "vitest";

import { fakeParley } from "./fake.js";
import { theUsers } from "./people.js";

test("a fake shows what it is told to, and tells of it", () => {
  const parley = fakeParley({ me: theUsers[1]! });
  const changes: string[] = [];
  parley.subscribe((changed) => changes.push(...changed));

  parley.setMessages({ kind: "channel", id: 3 }, []);
  parley.setTyping(1, [3]);

  expect(parley.me?.username).toBe("ben");
  expect(parley.conversation({ kind: "channel", id: 3 }).loaded).toBe(true);
  expect(changes).toEqual(["c3", "typing:1"]);
});

test("a fake records calls, and fails once if it is to", async () => {
  const parley = fakeParley({ api: { findUsers: () => Promise.resolve([...theUsers]) } });
  parley.failNext("signIn", { code: "invalid_credentials", status: 401, detail: "Wrong." });

  await expect(parley.signIn("ann", "x")).rejects.toMatchObject({ code: "invalid_credentials", status: 401, message: "Wrong." });
  await parley.signIn("ann", "y");
  parley.send({ kind: "channel", id: 1 }, "hello");

  expect(parley.called("signIn")).toEqual([["ann", "x"], ["ann", "y"]]);
  expect(parley.conversation({ kind: "channel", id: 1 }).pending).toMatchObject([{ content: "hello", state: "waiting" }]);
  expect(await parley.api.findUsers("a")).toHaveLength(4);
  expect(parley.called("api.findUsers")).toEqual([["a"]]);
});
