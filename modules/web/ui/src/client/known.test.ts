import { expect, test } from "vitest";

import { pass, scene, signedIn } from "./testing/scene.js";

test("users that are not known are asked for together, and those who are not there once", async () => {
  const server = scene();
  for (let id = 100; id < 250; id++) server.addUser(id, `user-${id}`);
  const ann = await signedIn(server, "ann");
  const ids = Array.from({ length: 160 }, (_, i) => 95 + i);
  const loads = [ann.loadUsers(ids), ann.loadUsers([100, 101]), ann.loadUsers([1])];
  await pass(100);
  await Promise.all(loads);
  await ann.loadUsers(ids);
  expect(ann.user(249)?.username).toBe("user-249");
  expect(ann.user(99)).toBeUndefined();
  expect(server.requests.filter((r) => r.path.startsWith("/users")).length).toBe(2);
});

test("a server that does not know users by their ids is done without", async () => {
  const server = scene();
  const ann = await signedIn(server, "ann");
  server.fault = (_method, path) => (path.startsWith("/users") ? { status: 400 } : undefined);
  const loading = ann.loadUsers([2, 3]);
  await pass(100);
  await loading;
  expect(ann.user(2)).toBeUndefined();
});

test("the members of a group come page by page, and stay up to date", async () => {
  const server = scene();
  for (let id = 100; id < 550; id++) server.addUser(id, `user-${id}`);
  server.addGroup(20, "Town", [1, ...Array.from({ length: 450 }, (_, i) => 100 + i)], [21]);
  const ann = await signedIn(server, "ann");
  const loading = Promise.all([ann.loadMembers(20), ann.loadMembers(20)]);
  await pass(10);
  expect(ann.members(20)).toMatchObject({ complete: false });
  expect(ann.members(20).members.size).toBe(200);
  await pass(200);
  await loading;
  expect(ann.members(20)).toMatchObject({ complete: true });
  expect(ann.members(20).members.size).toBe(451);
  server.leave(20, 300, "left");
  server.join(20, 2);
  await pass(50);
  expect(ann.members(20).members.has(300)).toBe(false);
  expect(ann.members(20).members.get(2)).toMatchObject({ role: "member", user: { username: "ben" } });
  expect(ann.user(100)?.username).toBe("user-100");
});

test("a group that one leaves with this client is no news", async () => {
  const server = scene();
  const ann = await signedIn(server, "ann");
  const left: unknown[] = [];
  ann.on("left", (happening) => left.push(happening));
  server.fault = (method) => {
    if (method !== "DELETE") return undefined;
    server.leave(10, 1, "left");
    return { status: 204 };
  };
  const leaving = ann.api.removeMember(10, 1);
  await pass(100);
  await leaving;
  expect(ann.groups).toEqual([]);
  expect(left).toEqual([]);
});

test("older personal chats are fetched when they are asked for", async () => {
  const server = scene();
  for (let id = 100; id < 230; id++) {
    server.addUser(id, `user-${id}`);
    server.personal(id, 1, "hello");
  }
  const ann = await signedIn(server, "ann");
  expect(ann.chats).toHaveLength(100);
  const loading = ann.loadMoreChats();
  await pass(50);
  await loading;
  await ann.loadMoreChats();
  expect(ann.chats).toEqual(server.chatsFor(1));
});
