import { expect, test } from "vitest";

import { Browser, general, opened, pass, random, scene, signedIn } from "./testing/scene.js";

test("what is read is told, repeated until it has got through, and shown at once", async () => {
  const server = scene();
  server.fill(11, 2, 5);
  const ann = await signedIn(server, "ann");
  await opened(ann, general);
  server.deaf = true;
  ann.markRead(general, 3);
  expect(ann.conversation(general)).toMatchObject({ readSeq: 3, unread: 2 });
  await pass(12_000);
  server.deaf = false;
  await pass(15_000);
  expect(server.channel(11).read.get(1)).toBe(3);
  expect(ann.channel(11)).toMatchObject({ readSeq: 3, unread: 2 });
});

test("what was read while there was no connection stays read, and is told afterwards", async () => {
  const server = scene();
  server.fill(11, 2, 5);
  const ann = await signedIn(server, "ann");
  await opened(ann, general);
  server.down = true;
  server.cut();
  await pass(100);
  ann.markRead(general, 5);
  server.down = false;
  await pass(20_000);
  expect(ann.conversation(general)).toMatchObject({ readSeq: 5, unread: 0 });
  expect(server.channel(11).read.get(1)).toBe(5);
});

test("reports of a moment go together", async () => {
  const server = scene();
  server.fill(11, 2, 20);
  const ann = await signedIn(server, "ann");
  await opened(ann, general);
  for (let seq = 1; seq <= 20; seq++) ann.markRead(general, seq);
  await pass(500);
  expect(server.said.filter((s) => s.event === "MESSAGE_READ").map((s) => s.payload)).toEqual([{ channelId: 11, seq: 20 }]);
});

test("what another device has read is read here, too", async () => {
  const server = scene();
  server.fill(11, 2, 4);
  server.fill(12, 2, 4);
  const [phone, laptop] = [await signedIn(server, "ann"), await signedIn(server, "ann", new Browser(server))];
  await opened(phone, general);
  phone.markRead(general, 3);
  await opened(phone, random);
  phone.markRead(random, 4);
  await pass(500);
  expect(laptop.channel(11)).toMatchObject({ readSeq: 3, unread: 1 });
  expect(laptop.channel(12)).toMatchObject({ readSeq: 4, unread: 0 });
});

test("a deleted message is unread no longer, here or not", async () => {
  const server = scene();
  server.fill(11, 2, 80);
  server.post(11, 2, "@ann");
  const ann = await signedIn(server, "ann");
  expect(ann.channel(11)).toMatchObject({ unread: 81, mentions: 1 });
  server.remove(11, 2, 2); // not here
  server.remove(11, 70, 2);
  server.edit(11, 81, "nobody");
  await pass(100);
  expect(ann.channel(11)).toMatchObject({ unread: 79, mentions: 0 });
});

test("others get the messages of this device, and read them", async () => {
  const server = scene();
  const [ann, ben] = [await signedIn(server, "ann"), await signedIn(server, "ben")];
  await opened(ann, general);
  await opened(ben, general);
  ann.send(general, "hello");
  await pass(1_000);
  expect(ann.conversation(general).receipts.get(2)).toEqual({ deliveredSeq: 1, readSeq: 0 });
  ben.markRead(general, 1);
  await pass(1_000);
  expect(ann.conversation(general).receipts.get(2)).toEqual({ deliveredSeq: 1, readSeq: 1 });

  // A new visit asks how far they have got.
  const again = await signedIn(server, "ann");
  await opened(again, general);
  await pass(100);
  expect(again.conversation(general).receipts.get(2)).toEqual({ deliveredSeq: 1, readSeq: 1 });
});

test("receipts come about several users, or as a number", async () => {
  const server = scene();
  server.post(11, 1, "hello");
  const ann = await signedIn(server, "ann");
  await opened(ann, general);
  server.tell(1, "GROUP_MESSAGE_STATUS", { channelId: 11, status: "READ", upToSeq: 1, at: "", users: [{ userId: 2, upToSeq: 1 }, { userId: 3, upToSeq: 1 }] });
  server.tell(1, "GROUP_MESSAGE_STATUS", { channelId: 11, status: "DELIVERED", upToSeq: 1, at: "", count: 400 });
  await pass(10);
  expect([...ann.conversation(general).receipts.keys()]).toEqual([2, 3]);
  expect(ann.conversation(general).counts).toEqual({ DELIVERED: { upToSeq: 1, count: 400 } });
});

test("personal chats have unread messages and receipts, too", async () => {
  const server = scene();
  server.personal(2, 1, "before");
  const [ann, ben] = [await signedIn(server, "ann"), await signedIn(server, "ben")];
  await opened(ben, { kind: "direct", id: 1 });
  expect(ann.chats).toMatchObject([{ user: { id: 2 }, unread: 1 }]);
  server.personal(2, 1, "psst");
  server.personal(3, 1, "from somebody new");
  await pass(100);
  expect(ann.chats).toMatchObject([{ user: { id: 3 }, unread: 1, lastSeq: 1 }, { user: { id: 2 }, unread: 2, lastSeq: 2 }]);
  await opened(ann, { kind: "direct", id: 2 });
  ann.markRead({ kind: "direct", id: 2 }, 2);
  await pass(1_000);
  expect(ann.chat(2)).toMatchObject({ unread: 0, readSeq: 2 });
  expect(ben.conversation({ kind: "direct", id: 1 }).receipts.get(1)).toEqual({ deliveredSeq: 2, readSeq: 2 });
});
