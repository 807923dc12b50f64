import { flushPromises, mount, type VueWrapper } from "@vue/test-utils";
import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { defineComponent, h } from "vue";
import { createMemoryHistory, createRouter } from "vue-router";

import type { ChannelMessage, Place } from "@/client";
import { type FakeParley, fakeParley } from "@/client/testing/fake";
import { channelMessage } from "@/client/testing/people";
import { useConfirmation } from "@/components/base/confirm";
import { useToasts } from "@/components/base/toasts";
import { createTexts } from "@/i18n";
import { useParley } from "@/stores/parley";

import MessageActions from "./MessageActions.vue";
import MessageRow from "./MessageRow.vue";

const place: Place = { kind: "channel", id: 1 };
const others = channelMessage({ seq: 1, senderId: 2 });
const mine = channelMessage({ seq: 2, senderId: 1, content: "what I said" });
const messages: ChannelMessage[] = [others, mine];
const texts = createTexts();
const page = defineComponent({ render: () => null });
const router = createRouter({ history: createMemoryHistory(), routes: [{ path: "/g/:groupId/c/:channelId", name: "channel", component: page }, { path: "/", component: page }] });
let parley: FakeParley;

beforeEach(async () => {
  await texts.use("en");
  setActivePinia(createPinia());
  useParley().use((parley = fakeParley()));
});
afterEach(() => {
  document.body.replaceChildren();
});

function list(): VueWrapper {
  return mount(MessageActions, {
    attachTo: document.body,
    props: { place, find: (id: number) => messages.find((m) => m.messageId === id) },
    slots: { default: () => h("div", { "data-list": "", tabindex: 0 }, messages.map((message) => h(MessageRow, { key: message.messageId, message }))) },
    global: { plugins: [texts.i18n, router] },
  });
}

function rowOf(of: VueWrapper, { messageId }: ChannelMessage) {
  return of.find(`[data-id="${messageId}"]`);
}

function focusedId(): string | undefined {
  return (document.activeElement as HTMLElement).dataset.id;
}

describe("the toolbar", () => {
  it("is there once a row is pointed at, with what may be done", async () => {
    const wrapper = list();
    expect(wrapper.find("[role=toolbar]").exists()).toBe(false);
    await rowOf(wrapper, others).trigger("pointerover", { pointerType: "mouse" });
    expect(wrapper.find("[role=toolbar]").findAll("button").map((b) => b.attributes("aria-label"))).toEqual([
      "React with ❤️", "React with 👍", "React with 😂", "React", "Reply", "Reply in thread", "More",
    ]);
    await rowOf(wrapper, mine).trigger("pointerover", { pointerType: "mouse" });
    expect(wrapper.find("[role=toolbar] [aria-label=Edit]").exists()).toBe(true);
  });

  it("reacts with one press, and takes it back with another", async () => {
    const wrapper = list();
    await rowOf(wrapper, others).trigger("pointerover", { pointerType: "mouse" });
    await wrapper.find("[aria-label='React with 👍']").trigger("click");
    expect(parley.called("react")).toEqual([[others, "👍", true]]);
  });

  it("says what the server refuses", async () => {
    parley.failNext("react", { code: "reactions_full", detail: "There are 20 different ones already." });
    const wrapper = list();
    await rowOf(wrapper, others).trigger("pointerover", { pointerType: "mouse" });
    await wrapper.find("[aria-label='React with 👍']").trigger("click");
    await flushPromises();
    expect(useToasts().toasts.map((t) => [t.tone, t.text])).toEqual([["danger", "There are 20 different ones already."]]);
  });
});

describe("keys", () => {
  async function press(on: VueWrapper, message: ChannelMessage, key: string): Promise<void> {
    (rowOf(on, message).element as HTMLElement).focus();
    await rowOf(on, message).trigger("keydown", { key });
    await flushPromises();
  }

  it("go from row to row, and from the list to its last row", async () => {
    const wrapper = list();
    await wrapper.find("[data-list]").trigger("keydown", { key: "ArrowUp" });
    expect(focusedId()).toBe(String(mine.messageId));
    await rowOf(wrapper, mine).trigger("keydown", { key: "ArrowUp" });
    expect(focusedId()).toBe(String(others.messageId));
    await rowOf(wrapper, others).trigger("keydown", { key: "ArrowUp" });
    expect(focusedId()).toBe(String(others.messageId));
    await rowOf(wrapper, others).trigger("keydown", { key: "ArrowDown" });
    expect(focusedId()).toBe(String(mine.messageId));
  });

  it("reply, and lead to the thread", async () => {
    const wrapper = list();
    await press(wrapper, others, "r");
    await press(wrapper, others, "t");
    expect(wrapper.emitted("reply")).toEqual([[others]]);
    expect(wrapper.emitted("thread")).toEqual([[others]]);
  });

  it("edit one's own, and not what others have said", async () => {
    const wrapper = list();
    await press(wrapper, others, "e");
    expect(wrapper.find("textarea").exists()).toBe(false);
    await press(wrapper, mine, "e");
    await vi.waitUntil(() => wrapper.find("textarea").exists());
    await wrapper.find("textarea").trigger("keydown", { key: "Escape" });
    expect(focusedId()).toBe(String(mine.messageId));
  });

  it("delete, after asking", async () => {
    const wrapper = list();
    await press(wrapper, mine, "Delete");
    useConfirmation().answer(false);
    await flushPromises();
    expect(parley.called("remove")).toEqual([]);
    await press(wrapper, mine, "Delete");
    useConfirmation().answer(true);
    await flushPromises();
    expect(parley.called("remove")).toEqual([[mine]]);
  });

  it("open the menu, which copies, links and pins", async () => {
    const copied: string[] = [];
    vi.spyOn(navigator.clipboard, "writeText").mockImplementation((text) => {
      copied.push(text);
      return Promise.resolve();
    });
    const wrapper = list();
    for (const entry of ["Copy text", "Copy link", "Pin"]) {
      await press(wrapper, mine, "Enter");
      await wrapper.findAll("[role=menuitem]").find((item) => item.text() === entry)!.trigger("click");
      await flushPromises();
    }
    expect(copied).toEqual(["what I said", `${location.origin}/g/1/c/1?seq=2`]);
    expect(parley.called("pin")).toEqual([[mine, true]]);
  });
});
