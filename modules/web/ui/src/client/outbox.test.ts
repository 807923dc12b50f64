import { describe, expect, test } from "vitest";

import type { Parley } from "./parley.js";
import { refuse } from "./testing/server.js";
import { Browser, contents, general, opened, pass, scene, shown, signedIn } from "./testing/scene.js";

describe("a message that is sent", () => {
  test("is shown at once, and becomes the message that the server keeps", async () => {
    const server = scene();
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    const states: string[] = [];
    ann.subscribe(() => states.push(ann.conversation(general).pending.map((p) => p.state).join() + shown(ann, general).map((m) => m.hash).join()));

    const hash = ann.send(general, "hello");
    expect(ann.conversation(general).pending).toMatchObject([{ hash, content: "hello", state: "waiting", place: general }]);
    await pass(100);
    expect(states.filter((s, i) => s !== states[i - 1])).toEqual(["waiting", "accepted", hash]);
    expect(shown(ann, general)).toEqual(server.history(11, 1));
  });

  test("waits while there is no server, and goes out once, in order", async () => {
    const server = scene();
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    server.down = true;
    server.cut();
    for (const content of ["one", "two", "three"]) ann.send(general, content);
    await pass(60_000);
    expect(ann.conversation(general).pending.map((p) => p.state)).toEqual(["waiting", "waiting", "waiting"]);
    server.down = false;
    await pass(30_000);
    expect(server.channel(11).messages.map((m) => m.content)).toEqual(["one", "two", "three"]);
    expect(contents(ann, general)).toEqual(["one", "two", "three"]);
    expect(ann.conversation(general).pending).toEqual([]);
  });

  test("is kept once, also if the answer got lost or comes late", async () => {
    const server = scene();
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    let faults = 0;
    server.fault = (method, path) => {
      if (method !== "POST" || !path.endsWith("/messages") || ++faults > 3) return undefined;
      return faults === 2 ? refuse(503, "overloaded", "Later.", { "Retry-After": "1" }) : "unanswered";
    };
    ann.send(general, "once");
    ann.send(general, "and then");
    await pass(20_000);
    expect(contents(ann, general)).toEqual(["once", "and then"]);
    expect(server.channel(11).messages).toHaveLength(2);
  });

  test("that is refused is shown as failed, and can be sent again or forgotten; others go on", async () => {
    const server = scene();
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    const first = ann.send(general, " ");
    const second = ann.send(general, "fine");
    await pass(100);
    expect(contents(ann, general)).toEqual(["fine"]);
    expect(ann.conversation(general).pending).toMatchObject([
      { hash: first, state: "failed", problem: { code: "validation_failed", detail: "The message is empty." } },
    ]);
    ann.retry(general, first);
    ann.retry(general, second);
    await pass(100);
    expect(ann.conversation(general).pending).toMatchObject([{ hash: first, state: "failed" }]);
    ann.discard(general, first);
    expect(ann.conversation(general).pending).toEqual([]);
  });

  test("that could not be kept after all is shown as failed", async () => {
    const server = scene();
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    server.eventFault = (event) => (event === "GROUP_LEFT" ? "lost" : undefined);
    const hash = ann.send(general, "too late");
    await pass(4); // accepted, and not kept yet
    server.leave(10, 1, "removed");
    await pass(100);
    expect(ann.conversation(general).pending).toMatchObject([{ hash, state: "failed", problem: { code: "not_a_member" } }]);
  });

  test("of which nothing is heard is sent again with its hash", async () => {
    const server = scene();
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    server.eventFault = (event) => (event === "GROUP_MESSAGE_SENT" ? "lost" : undefined);
    ann.send(general, "silence");
    await pass(1_000);
    server.eventFault = undefined;
    expect(ann.conversation(general).pending).toMatchObject([{ state: "accepted" }]);
    await pass(31_000);
    expect(ann.conversation(general).pending).toEqual([]);
    expect(contents(ann, general)).toEqual(["silence"]);
  });

  test("does not vanish between its confirmation and what was missed before it", async () => {
    const server = scene();
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    server.eventFault = (event) => (event === "GROUP_MESSAGE_RECEIVE" ? "lost" : undefined);
    server.post(11, 2, "missed");
    ann.send(general, "mine");
    const seen: number[] = [];
    ann.subscribe(() => seen.push(ann.conversation(general).pending.length + shown(ann, general).filter((m) => m.senderId === 1).length));
    await pass(200);
    expect(contents(ann, general)).toEqual(["missed", "mine"]);
    expect(new Set(seen)).toEqual(new Set([1]));
  });

  test("goes to a person, too", async () => {
    const server = scene();
    const ann = await signedIn(server, "ann");
    await opened(ann, { kind: "direct", id: 3 });
    ann.send({ kind: "direct", id: 3 }, "psst");
    await pass(200);
    expect(contents(ann, { kind: "direct", id: 3 })).toEqual(["psst"]);
    expect(ann.chats).toMatchObject([{ user: { id: 3 }, lastSeq: 1, unread: 0 }]);
  });
});

describe("messages that wait", () => {
  test("survive the end of the page, and are sent by the next one", async () => {
    const server = scene();
    const browser = new Browser(server);
    const first = await signedIn(server, "ann", browser);
    server.down = true;
    server.cut();
    first.send(general, "one");
    first.send(general, "two");
    await pass(100);
    first.close();
    const second = await visit(browser);
    expect(second.conversation(general).pending).toMatchObject([{ content: "one" }, { content: "two" }]);
    server.down = false;
    await pass(60_000);
    await opened(second, general);
    expect(contents(second, general)).toEqual(["one", "two"]);
    expect(second.conversation(general).pending).toEqual([]);
  });

  test("that were accepted before the page ended are no longer pending afterwards", async () => {
    const server = scene();
    const browser = new Browser(server);
    const first = await signedIn(server, "ann", browser);
    first.send(general, "kept");
    await pass(8); // accepted, and not heard of yet
    first.close();
    await pass(100);
    const second = await visit(browser);
    await pass(1_000);
    expect(second.conversation(general).pending).toEqual([]);
    expect(server.channel(11).messages).toHaveLength(1);
  });

  test("are shown by all tabs, and sent by one", async () => {
    const server = scene();
    const browser = new Browser(server);
    const first = await signedIn(server, "ann", browser);
    const second = await visit(browser);
    await opened(first, general);
    await opened(second, general);
    server.fault = (method, path) => (method === "POST" && path.endsWith("/messages") ? "lost" : undefined);
    first.send(general, "from the first");
    await pass(50);
    expect(second.conversation(general).pending).toMatchObject([{ content: "from the first" }]);
    server.fault = undefined;
    await pass(5_000);
    expect(server.requests.filter((r) => r.method === "POST" && r.path.endsWith("/messages")).length).toBe(2);
    for (const tab of [first, second]) {
      expect(contents(tab, general)).toEqual(["from the first"]);
      expect(tab.conversation(general).pending).toEqual([]);
    }
  });

  test("of a tab that is closed are sent by another one", async () => {
    const server = scene();
    const browser = new Browser(server);
    const first = await signedIn(server, "ann", browser);
    const second = await visit(browser);
    await opened(second, general);
    server.fault = (method, path) => (method === "POST" && path.endsWith("/messages") ? "lost" : undefined);
    first.send(general, "left behind");
    await pass(50);
    first.close();
    server.fault = undefined;
    await pass(5_000);
    expect(contents(second, general)).toEqual(["left behind"]);
    expect(second.conversation(general).pending).toEqual([]);
  });

  test("are forgotten with the sign-in", async () => {
    const server = scene();
    const browser = new Browser(server);
    const ann = await signedIn(server, "ann", browser);
    server.fault = (_method, path) => (path.endsWith("/messages") ? "lost" : undefined);
    ann.send(general, "secret");
    const out = ann.signOut();
    await pass(5_000);
    await out;
    expect(browser.storage.length).toBe(0);
    expect(server.channel(11).messages).toEqual([]);
  });

  test("are kept for the same user when the sign-in ends by itself", async () => {
    const server = scene();
    const browser = new Browser(server);
    const ann = await signedIn(server, "ann", browser);
    server.fault = (_method, path) => (path.endsWith("/messages") ? "lost" : undefined);
    ann.send(general, "not lost");
    await pass(100);
    server.revoke(1);
    await pass(5_000);
    expect(ann.me).toBeNull();
    server.fault = undefined;
    const again = ann.signIn("ann", "password");
    await pass(5_000);
    await again;
    expect(server.channel(11).messages.map((m) => m.content)).toEqual(["not lost"]);
  });
});

async function visit(browser: Browser): Promise<Parley> {
  const parley = browser.tab();
  const done = parley.start();
  await pass(500);
  await done;
  return parley;
}
