import { expect, test } from "vitest";

import type { Connection } from "./parley.js";
import { refuse } from "./testing/server.js";
import { contents, general, opened, pass, scene, shown, signedIn } from "./testing/scene.js";

test("a connection that breaks comes back, and what was missed is fetched", async () => {
  const server = scene();
  server.fill(11, 2, 3);
  const ann = await signedIn(server, "ann");
  await opened(ann, general);
  const states: Connection[] = [];
  ann.subscribe((changed) => changed.has("connection") && states.push(ann.connection));

  server.down = true;
  server.cut();
  await pass(100);
  expect(ann.connection).toBe("offline");
  expect(contents(ann, general)).toHaveLength(3);
  server.fill(11, 2, 450);
  server.edit(11, 2, "changed");
  server.react(11, 3, 2, "👍", true);
  server.down = false;
  await pass(15_000);

  expect(states).toEqual(["offline", "connecting", "catching-up", "ready"]);
  expect(shown(ann, general)).toEqual(server.history(11, 1));
  expect(ann.channel(11)).toMatchObject({ lastSeq: 453, unread: 453 });
});

test("after a very long time, a place begins anew with its newest messages", async () => {
  const server = scene();
  server.fill(11, 2, 3);
  const ann = await signedIn(server, "ann");
  await opened(ann, general);
  server.down = true;
  server.cut();
  server.fill(11, 2, 2_000);
  server.down = false;
  await pass(15_000);
  expect(shown(ann, general)).toEqual(server.history(11, 1).slice(-50));
  expect(ann.channel(11)?.unread).toBe(2_003);
});

test("a server that goes away is left, and another one found when it says so", async () => {
  const server = scene();
  const ann = await signedIn(server, "ann");
  const [socket] = server.sockets;
  server.tell(1, "DRAIN", { reconnectInMs: 5_000 });
  await pass(4_000);
  expect(server.sockets.size).toBe(0);
  await pass(2_000);
  expect(server.sockets.size).toBe(1);
  expect(server.sockets.has(socket!)).toBe(false);
  expect(ann.connection).toBe("ready");
});

test("after RESYNC everything is fetched", async () => {
  const server = scene();
  const ann = await signedIn(server, "ann");
  await opened(ann, general);
  server.eventFault = () => "lost";
  server.post(11, 2, "missed");
  await pass(10);
  server.eventFault = undefined;
  server.tell(1, "RESYNC", { reason: "broker" });
  await pass(100);
  expect(contents(ann, general)).toEqual(["missed"]);
  expect(ann.connection).toBe("ready");
});

test("a connection that is refused for its token comes back with another one", async () => {
  const server = scene();
  const ann = await signedIn(server, "ann");
  server.expireTokens();
  for (const socket of [...server.sockets]) socket.end("io server disconnect");
  await pass(5_000);
  expect(ann).toMatchObject({ me: { id: 1 }, connection: "ready" });
});

test("requests that may be repeated wait as long as the server wants", async () => {
  const server = scene();
  const ann = await signedIn(server, "ann");
  let refused = 0;
  server.fault = (_method, path) => (path.startsWith("/users") && ++refused <= 3 ? refuse(503, "unavailable", "Later.", { "Retry-After": "2" }) : undefined);
  const found = ann.api.usersById([2]);
  await pass(1_900);
  expect(refused).toBe(1);
  await pass(10_000);
  expect(await found).toMatchObject([{ username: "ben" }]);
  expect(refused).toBe(4);
});

test("requests that must not be repeated fail without an answer", async () => {
  const server = scene();
  const ann = await signedIn(server, "ann");
  server.fault = () => "unanswered";
  const refused = expect(ann.api.createGroup("New", "")).rejects.toMatchObject({ code: "no_answer", status: 0 });
  await pass(100);
  await refused;
  expect(server.requests.filter((r) => r.path === "/groups")).toHaveLength(1);
});

test("a group that is joined is there with what is said in it; one that is left is gone", async () => {
  const server = scene();
  server.addGroup(20, "Kitchen", [2], [21]);
  const ann = await signedIn(server, "ann");
  const left: unknown[] = [];
  ann.on("left", (happening) => left.push(happening));
  const loading = ann.loadMembers(10);
  await pass(50);
  await loading;

  server.join(20, 1);
  server.post(21, 2, "welcome @ann");
  await pass(200);
  expect(ann.group(20)).toMatchObject({ name: "Kitchen", role: "member", channels: [{ id: 21, unread: 1, mentions: 1 }] });
  await opened(ann, { kind: "channel", id: 21 });

  server.leave(20, 1, "removed");
  server.leave(10, 3, "left");
  await pass(50);
  expect(ann.group(20)).toBeUndefined();
  expect(ann.conversation({ kind: "channel", id: 21 }).loaded).toBe(false);
  expect(left).toEqual([{ groupId: 20, name: "Kitchen", reason: "removed" }]);
  expect([...ann.members(10).members.keys()]).toEqual([1, 2]);
});

test("what was left and joined while there was no connection is known afterwards", async () => {
  const server = scene();
  server.addGroup(20, "Kitchen", [2, 1], [21]);
  server.addGroup(30, "Attic", [2], [31]);
  const ann = await signedIn(server, "ann");
  await opened(ann, { kind: "channel", id: 21 });
  const loading = ann.loadMembers(10);
  await pass(50);
  await loading;
  const left: unknown[] = [];
  ann.on("left", (happening) => left.push(happening));
  server.down = true;
  server.cut();
  server.leave(20, 1, "banned");
  server.join(30, 1);
  server.leave(10, 3, "left");
  server.down = false;
  await pass(10_000);
  expect(ann.groups).toEqual(server.groupsFor(1));
  expect(left).toMatchObject([{ groupId: 20 }]);
  expect([...ann.members(10).members.keys()]).toEqual([1, 2]);
});

test("a new channel is there at once", async () => {
  const server = scene();
  const ann = await signedIn(server, "ann");
  server.createChannel(10, 19);
  server.post(19, 2, "first");
  await pass(200);
  expect(ann.channel(19)).toMatchObject({ lastSeq: 1, unread: 1 });
});

test("after the database was set back, a place begins anew", async () => {
  const server = scene();
  server.fill(11, 2, 30);
  const ann = await signedIn(server, "ann");
  await opened(ann, general);
  server.restore(11, 10);
  server.cut();
  await pass(10_000);
  expect(shown(ann, general)).toEqual(server.history(11, 1));
  expect(ann.channel(11)).toMatchObject({ lastSeq: 10, unread: 10 });
  server.post(11, 2, "goes on");
  await pass(10);
  expect(shown(ann, general)).toHaveLength(11);
});

test("somebody types until a message comes, or for a while", async () => {
  const server = scene();
  const ann = await signedIn(server, "ann");
  server.tell(1, "TYPING", { channelId: 11, userId: 2, typing: true, expiresInMs: 5_000 });
  server.tell(1, "TYPING", { channelId: 11, userId: 3, typing: true, expiresInMs: 5_000 });
  await pass(10);
  expect(ann.typing(11)).toEqual([2, 3]);
  server.post(11, 2, "done");
  await pass(10);
  expect(ann.typing(11)).toEqual([3]);
  await pass(5_000);
  expect(ann.typing(11)).toEqual([]);
});

test("typing is told every few seconds, and ends by itself", async () => {
  const server = scene();
  const ann = await signedIn(server, "ann");
  for (let i = 0; i < 20; i++) {
    ann.typed(11);
    await pass(200);
  }
  await pass(10_000);
  expect(server.said.filter((s) => s.event === "TYPING").map((s) => s.payload)).toEqual([
    { channelId: 11, typing: true }, { channelId: 11, typing: true }, { channelId: 11, typing: false },
  ]);
});

test("those who are watched are watched by the next connection, too", async () => {
  const server = scene();
  const ann = await signedIn(server, "ann");
  ann.watch([2, 3]);
  ann.watch([3, 2]);
  await pass(500);
  expect(ann.presence(2)).toEqual({ userId: 2, state: "offline" });
  ann.setAway(true);
  await pass(10);
  server.cut();
  await pass(5_000);
  server.tell(1, "PRESENCE", { userId: 2, state: "online" });
  await pass(10);
  expect(ann.presence(2)?.state).toBe("online");
  expect(server.said.filter((s) => s.event === "PRESENCE_SUBSCRIBE")).toHaveLength(2);
  expect(server.said.filter((s) => s.event === "PRESENCE").map((s) => s.payload)).toEqual([{ state: "away" }, { state: "away" }]);
});
