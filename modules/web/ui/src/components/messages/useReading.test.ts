import { mount } from "@vue/test-utils";
import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { computed, defineComponent, nextTick } from "vue";

import type { Conversation, Place } from "@/client";
import { type FakeParley, fakeParley } from "@/client/testing/fake";
import { useParley } from "@/stores/parley";

import { type Reading, useReading } from "./useReading";

const place: Place = { kind: "channel", id: 1 };
let parley: FakeParley;
let here = true;

beforeEach(() => {
  here = true;
  vi.spyOn(document, "hasFocus").mockImplementation(() => here);
  setActivePinia(createPinia());
});

function reading(conversation: Partial<Conversation>): Reading {
  parley = fakeParley();
  useParley().use(parley);
  parley.setConversation(place, { loaded: true, lastSeq: 9, readSeq: 5, unread: 0, ...conversation });
  let made: Reading | undefined;
  mount(defineComponent({
    setup() {
      made = useReading(place, computed(() => useParley().conversation(place)));
      return () => null;
    },
  }));
  return made!;
}

const told = () => parley.called("markRead").map(([, seq]) => seq);

describe("what counts as read", () => {
  it("is what was on the screen, once", () => {
    const { seen } = reading({});
    seen(6);
    seen(6);
    seen(8);
    seen(7);
    expect(told()).toEqual([6, 8]);
  });

  it("is not what had been read before", () => {
    reading({}).seen(5);
    expect(told()).toEqual([]);
  });

  it("is nothing as long as nobody looks, and then what can be seen", () => {
    const { seen } = reading({});
    here = false;
    seen(7);
    seen(8);
    expect(told()).toEqual([]);
    here = true;
    window.dispatchEvent(new Event("focus"));
    expect(told()).toEqual([8]);
  });
});

describe("the line of what is unread", () => {
  it("is where reading begins, and stays there", async () => {
    const { unreadAfter } = reading({ readSeq: 5, unread: 4 });
    parley.setConversation(place, { readSeq: 9, unread: 0 });
    await nextTick();
    expect(unreadAfter.value).toBe(5);
  });

  it("is nowhere if all is read", () => {
    expect(reading({ readSeq: 9 }).unreadAfter.value).toBeUndefined();
  });

  it("waits until it is known what is there", async () => {
    const { unreadAfter } = reading({ loaded: false, readSeq: 0, lastSeq: 0 });
    parley.setConversation(place, { loaded: true, readSeq: 3, lastSeq: 9, unread: 6 });
    await nextTick();
    expect(unreadAfter.value).toBe(3);
  });

  it("is drawn where the user went away", async () => {
    const { unreadAfter } = reading({ readSeq: 9 });
    here = false;
    parley.setConversation(place, { lastSeq: 10, unread: 1 });
    await nextTick();
    expect(unreadAfter.value).toBe(9);
    parley.setConversation(place, { lastSeq: 11, unread: 2 });
    await nextTick();
    expect(unreadAfter.value).toBe(9);
  });

  it("is not drawn for what comes while the user looks", async () => {
    const { unreadAfter } = reading({ readSeq: 9 });
    parley.setConversation(place, { lastSeq: 10, unread: 1 });
    await nextTick();
    expect(unreadAfter.value).toBeUndefined();
  });
});
