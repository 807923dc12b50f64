import { flushPromises, mount } from "@vue/test-utils";
import { createPinia, setActivePinia } from "pinia";
import { createI18n } from "petite-vue-i18n";
import { beforeEach, describe, expect, it } from "vitest";

import type { ChannelMessage, Id, Place } from "@/client";
import { type FakeParley, fakeParley } from "@/client/testing/fake";
import { at, fakeServer, theUsers } from "@/client/testing/people";
import en from "@/i18n/en";
import { useDrafts } from "@/stores/drafts";
import { useParley } from "@/stores/parley";
import { useSettings } from "@/stores/settings";
import "@/testing/popover";

import Composer from "./Composer.vue";

const general: Place = { kind: "channel", id: 1 };
let client: FakeParley;

beforeEach(() => {
  localStorage.clear();
  setActivePinia(createPinia());
  client = fakeParley();
  client.setMembers(1, theUsers.map((user) => ({ user, role: "member", joinedAt: at(0) })));
  useParley().use(client);
});

function write(props: { place?: Place; thread?: Id } = {}) {
  const i18n = createI18n({ locale: "en", messages: { en } as never });
  const wrapper = mount(Composer, { props: { place: general, label: "Message", ...props }, global: { plugins: [i18n] }, attachTo: document.body });
  const area = wrapper.get<HTMLTextAreaElement>("textarea");
  return {
    wrapper,
    area,
    text: () => area.element.value,
    /** Types behind what is there. */
    type: async (text: string) => {
      await area.setValue(area.element.value + text);
      await flushPromises();
    },
    press: async (key: string, more: KeyboardEventInit = {}) => {
      await area.trigger("keydown", { key, ...more });
      await flushPromises();
    },
    options: () => wrapper.findAll('[role="option"]').map((o) => o.text()),
  };
}

describe("sending", () => {
  it("clears the text at once, and forgets the draft", async () => {
    const { type, press, text } = write();
    await type("\n  Hello \n");
    expect(useDrafts().hasDraft(general)).toBe(true);

    await press("Enter");
    expect(client.called("send")).toEqual([[general, "  Hello"]]);
    expect(text()).toBe("");
    expect(useDrafts().hasDraft(general)).toBe(false);
    expect(client.called("stoppedTyping")).toEqual([[1]]);
  });

  it("sends nothing that is blank", async () => {
    const { type, press } = write();
    await type("  \n ");
    await press("Enter");
    expect(client.called("send")).toEqual([]);
  });

  it("begins a line with Shift+Enter, and with Enter if the user wants that", async () => {
    const { type, press } = write();
    await type("Hello");
    await press("Enter", { shiftKey: true });
    useSettings().enterSends = false;
    await press("Enter");
    expect(client.called("send")).toEqual([]);

    await press("Enter", { ctrlKey: true });
    expect(client.called("send")).toHaveLength(1);
  });

  it("works offline: the client keeps it", async () => {
    client.setConnection("offline");
    const { type, press } = write();
    await type("Later");
    await press("Enter");
    expect(client.conversation(general).pending.map((p) => p.content)).toEqual(["Later"]);
  });

  it("says how much is too much, and does not send it", async () => {
    client.setServer({ ...fakeServer, messageMaxLength: 10 });
    const { wrapper, type, press, text } = write();
    await type("12345678😀");
    expect(wrapper.get(".count").text()).toBe("One character left");

    await type("012");
    expect(wrapper.get(".count").text()).toBe("Too long by 2 characters");
    await press("Enter");
    expect(client.called("send")).toEqual([]);
    expect(text()).toBe("12345678😀012");
  });
});

describe("answers", () => {
  it("answers a message, until it is sent or Esc is pressed", async () => {
    const { wrapper, type, press } = write();
    const message = client.conversation(general).segment.messages[0] as ChannelMessage;
    wrapper.vm.reply(message);
    await flushPromises();
    expect(wrapper.text()).toContain("Reply to Ben");

    await press("Escape");
    expect(wrapper.text()).not.toContain("Reply to");

    wrapper.vm.reply(message);
    await type("Yes");
    await press("Enter");
    expect(client.called("send")).toEqual([[general, "Yes", message.messageId]]);
    expect(wrapper.text()).not.toContain("Reply to");
  });

  it("answers the first message of a thread, with a draft of its own", async () => {
    useDrafts().set("c1", { text: "In the channel" });
    const { type, press, text } = write({ thread: 77 });
    expect(text()).toBe("");
    await type("In the thread");
    await press("Enter");
    expect(client.called("send")).toEqual([[general, "In the thread", 77]]);
    expect(useDrafts().hasDraft(general)).toBe(true);
  });
});

describe("completion", () => {
  it("takes a name with Enter, which sends then only once more", async () => {
    const { type, press, text, options } = write();
    await type("Hi @c");
    expect(options()).toEqual(["CCleo@cleo", "@channeleverybody in this channel"]);

    await press("Enter");
    expect(text()).toBe("Hi @cleo ");
    expect(options()).toEqual([]);
    await press("Enter");
    expect(client.called("send")).toEqual([[general, "Hi @cleo"]]);
  });

  it("moves with the arrow keys, which it says to who cannot see it", async () => {
    const { wrapper, area, type, press, text } = write();
    await type("@");
    const active = () => wrapper.get('[aria-selected="true"]');
    expect(area.attributes("aria-activedescendant")).toBe(active().attributes("id"));

    await press("ArrowUp");
    expect(active().text()).toContain("@channel");
    expect(area.attributes("aria-activedescendant")).toBe(active().attributes("id"));
    await press("Tab");
    expect(text()).toBe("@channel ");
  });

  it("is closed by Esc until something else is begun", async () => {
    const { type, press, options } = write();
    await type("@b");
    await press("Escape");
    await type("e");
    expect(options()).toEqual([]);
    await type(" @b");
    expect(options()).toHaveLength(1);
  });

  it("has nobody in personal chats", async () => {
    const { type, options } = write({ place: { kind: "direct", id: 2 } });
    await type("@b");
    expect(options()).toEqual([]);
  });
});

it("asks to edit the last message with ↑, if nothing is written", async () => {
  const { wrapper, type, press } = write();
  await press("ArrowUp");
  expect(wrapper.emitted("editLast")).toHaveLength(1);
  await type("a");
  await press("ArrowUp");
  expect(wrapper.emitted("editLast")).toHaveLength(1);
});

it("marks the selection with Ctrl+B", async () => {
  const { area, type, press, text } = write();
  await type("so bold");
  area.element.setSelectionRange(3, 7);
  await press("b", { ctrlKey: true });
  expect(text()).toBe("so **bold**");
  expect([area.element.selectionStart, area.element.selectionEnd]).toEqual([5, 9]);
});

it("tells that the user is typing, in channels alone", async () => {
  await write().type("a");
  await write({ place: { kind: "direct", id: 2 } }).type("a");
  expect(client.called("typed")).toEqual([[1]]);
});
