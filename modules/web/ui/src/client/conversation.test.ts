import { describe, expect, test } from "vitest";

import { general, opened, pass, random, scene, shown, signedIn, contents } from "./testing/scene.js";

describe("what was said", () => {
  test("a place is opened with its newest messages, and read backwards to its beginning", async () => {
    const server = scene();
    server.fill(11, 2, 120);
    const ann = await signedIn(server, "ann");
    await opened(ann, general);

    expect(shown(ann, general).map((m) => m.seq)).toEqual(seqs(71, 120));
    expect(ann.conversation(general).segment).toMatchObject({ hasOlder: true, hasNewer: false });
    for (let i = 0; i < 3; i++) {
      void ann.older(general);
      void ann.older(general); // the same
      await pass(50);
    }
    expect(shown(ann, general).map((m) => m.seq)).toEqual(seqs(1, 120));
    expect(ann.conversation(general).segment.hasOlder).toBe(false);
  });

  test("a message that arrives is added, and those before it stay the same objects", async () => {
    const server = scene();
    server.fill(11, 2, 3);
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    const before = shown(ann, general);
    const heard: unknown[] = [];
    ann.on("message", (happening) => heard.push(happening));

    server.post(11, 2, "hello @ann");
    await pass(10);

    expect(contents(ann, general)).toEqual(["filled 1", "filled 2", "filled 3", "hello @ann"]);
    expect(shown(ann, general).slice(0, 3).every((m, i) => m === before[i])).toBe(true);
    expect(ann.conversation(general)).toBe(ann.conversation(general));
    expect(ann.channel(11)).toMatchObject({ lastSeq: 4, unread: 4, mentions: 1 });
    expect(heard).toEqual([{ place: general, message: shown(ann, general)[3], mentionsMe: true }]);
  });

  test("what comes twice is shown once, and what is missing is fetched", async () => {
    const server = scene();
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    server.eventFault = () => "twice";
    server.post(11, 2, "one");
    await pass(10);
    server.eventFault = () => "lost";
    server.post(11, 2, "two");
    await pass(10);
    server.eventFault = undefined;
    server.post(11, 2, "three");
    await pass(50);

    expect(contents(ann, general)).toEqual(["one", "two", "three"]);
    expect(ann.channel(11)?.unread).toBe(3);
  });

  test("a part further back is shown after a jump, changes with events, and grows together with the newest messages", async () => {
    const server = scene();
    server.fill(11, 2, 200);
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    void ann.jumpTo(general, 100);
    await pass(50);
    expect(shown(ann, general).map((m) => m.seq)).toEqual(seqs(76, 125));
    expect(ann.conversation(general).segment.hasNewer).toBe(true);

    server.edit(11, 100, "changed");
    server.post(11, 2, "newest");
    await pass(10);
    expect(shown(ann, general).find((m) => m.seq === 100)?.content).toBe("changed");
    expect(shown(ann, general).at(-1)?.seq).toBe(125);

    for (let i = 0; i < 3; i++) {
      void ann.newer(general);
      await pass(50);
    }
    expect(shown(ann, general).map((m) => m.seq)).toEqual(seqs(76, 201));
    expect(ann.conversation(general).segment.hasNewer).toBe(false);
  });

  test("a jump goes back to the newest, and to nothing that is not there", async () => {
    const server = scene();
    server.fill(11, 2, 200);
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    void ann.jumpTo(general, 10);
    await pass(50);
    void ann.jumpToNewest(general);
    await pass(1);
    expect(shown(ann, general).at(-1)?.seq).toBe(200);
    const refused = expect(ann.jumpTo(general, 999)).rejects.toMatchObject({ code: "message_not_found" });
    await pass(50);
    await refused;
    expect(shown(ann, general).at(-1)?.seq).toBe(200);
  });

  test("what is heard while a page is fetched is applied to it", async () => {
    const server = scene();
    server.fill(11, 2, 60);
    const root = server.channel(11).messages[4]!;
    server.post(11, 2, "a reply", { replyTo: root.messageId });
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    server.latency = 50;

    void ann.older(general);
    await pass(20); // the page is made, and under way
    server.edit(11, 6, "edited");
    server.react(11, 6, 2, "👍", true);
    server.post(11, 2, "another reply", { replyTo: root.messageId });
    await pass(500);

    expect(shown(ann, general)).toEqual(server.history(11, 1));
    expect(shown(ann, general)[4]).toMatchObject({ replies: 2 });
    expect(shown(ann, general)[5]).toMatchObject({ content: "edited" });
  });

  test("replies are counted at the first message of their thread", async () => {
    const server = scene();
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    const root = server.post(11, 2, "first");
    const reply = server.post(11, 3, "second", { replyTo: root.messageId });
    server.post(11, 2, "third", { replyTo: reply.messageId });
    await pass(10);
    expect(shown(ann, general)[0]).toMatchObject({ replies: 2 });
    server.remove(11, 2, 3);
    await pass(10);
    expect(shown(ann, general)).toEqual(server.history(11, 1));
  });

  test("a reaction is shown at once, and taken back if it is refused", async () => {
    const server = scene();
    server.post(11, 2, "hello");
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    const message = server.history(11, 1)[0]!;

    void ann.react(message, "👍", true);
    expect(shown(ann, general)[0]).toMatchObject({ reactions: [{ emoji: "👍", count: 1, mine: true, userIds: [1] }] });
    await pass(50);
    expect(shown(ann, general)).toEqual(server.history(11, 1));

    server.fault = (method) => (method === "PUT" ? { status: 409, body: { type: "", title: "Full", status: 409, code: "reactions_full" } } : undefined);
    const refused = expect(ann.react(message, "🎉", true)).rejects.toMatchObject({ code: "reactions_full" });
    await pass(100);
    await refused;
    expect(shown(ann, general)).toEqual(server.history(11, 1));
  });

  test("an edit is shown as the server has it", async () => {
    const server = scene();
    const mine = server.post(11, 1, "hello");
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    void ann.edit(mine, "hello again");
    await pass(50);
    expect(shown(ann, general)).toEqual(server.history(11, 1));
    void ann.remove(mine);
    await pass(50);
    expect(shown(ann, general)).toEqual(server.history(11, 1));
  });

  test("rooms that nobody visits keep little", async () => {
    const server = scene();
    for (let id = 20; id < 35; id++) server.addChannel(10, id);
    server.fill(11, 2, 150);
    const ann = await signedIn(server, "ann");
    await opened(ann, general);
    void ann.older(general);
    await pass(50);
    expect(shown(ann, general)).toHaveLength(100);
    for (let id = 20; id < 35; id++) await opened(ann, { kind: "channel", id });
    expect(shown(ann, general).map((m) => m.seq)).toEqual(seqs(101, 150));
  });

  test("channels with something unread are here before they are opened", async () => {
    const server = scene();
    server.fill(12, 2, 5);
    const ann = await signedIn(server, "ann");
    expect(ann.conversation(random)).toMatchObject({ loaded: true, unread: 5 });
    await pass(500);
    expect(server.channel(12).delivered.get(1)).toBe(5);
  });
});

function seqs(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
