import { flushPromises } from "@vue/test-utils";
import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, expect, it } from "vitest";
import { effectScope, type EffectScope } from "vue";

import type { ChannelMessage, Place, Thread } from "@/client";
import { type FakeParley, fakeParley } from "@/client/testing/fake";
import { channelMessage } from "@/client/testing/people";
import { useParley } from "@/stores/parley";

import { type ThreadView, useThread } from "./useThread";

const place: Place = { kind: "channel", id: 1 };
const root = channelMessage({ seq: 1, replies: 2 });
let client: FakeParley;
let scope: EffectScope;
let answers: Thread[];
const asked: (number | undefined)[] = [];

function reply(seq: number, more: Partial<ChannelMessage> = {}): ChannelMessage {
  return channelMessage({ seq, threadId: root.messageId, replyTo: root.messageId, ...more });
}

async function open(): Promise<ThreadView> {
  const thread = scope.run(() => useThread(() => client.channel(1)!, root.messageId))!;
  await flushPromises();
  return thread;
}

const seqs = (thread: ThreadView): number[] => thread.replies.value.map((m) => m.seq);

beforeEach(() => {
  setActivePinia(createPinia());
  asked.length = 0;
  answers = [{ root, messages: [reply(2), reply(4)], hasMore: false }];
  client = fakeParley({
    conversations: {},
    api: {
      thread: (_, after) => {
        asked.push(after);
        return Promise.resolve(answers.shift() ?? { root, messages: [], hasMore: false });
      },
    },
  });
  useParley().use(client);
  scope = effectScope();
});

afterEach(() => {
  scope.stop();
});

it("shows what the server has, then what arrives", async () => {
  const thread = await open();
  expect(seqs(thread)).toEqual([2, 4]);

  client.setMessages(place, [reply(4), channelMessage({ seq: 5 }), reply(6)]);
  await flushPromises();
  expect(seqs(thread)).toEqual([2, 4, 6]);

  client.happen("message", { place, message: reply(7), mentionsMe: false });
  client.happen("message", { place, message: channelMessage({ seq: 8 }), mentionsMe: false });
  expect(seqs(thread)).toEqual([2, 4, 6, 7]);
});

it("shows messages as they are now", async () => {
  const thread = await open();
  client.setMessages(place, [channelMessage({ seq: 1, content: "changed" }), reply(2, { content: "changed, too" })]);
  expect(thread.root.value?.content).toBe("changed");
  expect(thread.replies.value[0]?.content).toBe("changed, too");
});

it("fetches page by page, and lets nothing in before what is missing in between", async () => {
  answers = [{ root, messages: [reply(2)], hasMore: true }, { root, messages: [reply(3), reply(9)], hasMore: false }];
  const thread = await open();
  client.happen("message", { place, message: reply(9), mentionsMe: false });
  expect(seqs(thread)).toEqual([2]);

  await thread.more();
  expect(asked).toEqual([undefined, 2]);
  expect(seqs(thread)).toEqual([2, 3, 9]);
  expect(thread.hasMore.value).toBe(false);
});

it("fetches what it has missed without a connection", async () => {
  const thread = await open();
  client.setConnection("offline");
  answers = [{ root, messages: [reply(5), reply(6)], hasMore: false }];
  client.setConnection("ready");
  client.happen("message", { place, message: reply(6), mentionsMe: false });
  await flushPromises();
  expect(asked).toEqual([undefined, 4]);
  expect(seqs(thread)).toEqual([2, 4, 5, 6]);
});

it("shows one's own replies while they are sent, and fetches them if the channel shows another part", async () => {
  const thread = await open();
  const hash = client.send(place, "mine", root.messageId);
  client.send(place, "not of the thread");
  await flushPromises();
  expect(thread.pending.value.map((p) => p.content)).toEqual(["mine"]);

  answers = [{ root, messages: [reply(9, { hash, senderId: 1 })], hasMore: false }];
  client.setConversation(place, { pending: [] });
  await flushPromises();
  expect(seqs(thread)).toEqual([2, 4, 9]);
});

it("says why there is no thread", async () => {
  client.failNext("api.thread", { code: "message_not_found", status: 404 });
  const thread = await open();
  expect(thread.root.value).toBeUndefined();
  expect(thread.loading.problem.value?.code).toBe("message_not_found");
});
