import { flushPromises, mount, type VueWrapper } from "@vue/test-utils";
import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it, vi } from "vitest";

import { createTexts } from "@/i18n";

import { loadEmoji } from "./emoji/emoji";
import { parseRecent, useRecentEmoji } from "./emoji/recentEmoji";
import EmojiPicker from "./EmojiPicker.vue";

const texts = createTexts();

beforeEach(async () => {
  localStorage.clear();
  setActivePinia(createPinia());
  await texts.use("en");
});

async function picker(): Promise<VueWrapper> {
  const wrapper = mount(EmojiPicker, { attachTo: document.body, global: { plugins: [texts.i18n] } });
  await loadEmoji("en");
  await flushPromises();
  await vi.waitUntil(() => wrapper.find(".emoji").exists());
  return wrapper;
}

const shown = (of: VueWrapper) => of.findAll(".emoji").map((e) => e.text());

describe("the picker", () => {
  it("picks by a word and Enter, and remembers it", async () => {
    const wrapper = await picker();
    await wrapper.find("input[type=search]").setValue("party pop");
    expect(shown(wrapper)).toEqual(["🎉"]);
    await wrapper.find("input[type=search]").trigger("keydown", { key: "Enter" });
    expect(wrapper.emitted("pick")).toEqual([["🎉"]]);
    expect(shown(await picker())).toEqual(["🎉"]);
  });

  it("says if nothing is called so", async () => {
    const wrapper = await picker();
    await wrapper.find("input[type=search]").setValue("xyzzy");
    expect(shown(wrapper)).toEqual([]);
    expect(wrapper.text()).toContain("No emoji is called so.");
  });

  it("picks in the skin tone that is chosen", async () => {
    useRecentEmoji().tone = "\u{1F3FD}";
    const wrapper = await picker();
    await wrapper.find("[aria-label=People]").trigger("click");
    expect(shown(wrapper)[0]).toBe("👋🏽");
  });

  it("is gone through with arrow keys", async () => {
    const wrapper = await picker();
    await wrapper.find("input[type=search]").trigger("keydown", { key: "ArrowDown" });
    const all = wrapper.findAll(".emoji").map((e) => e.element);
    expect(document.activeElement).toBe(all[0]);
    await wrapper.find(".emoji").trigger("keydown", { key: "ArrowDown" });
    expect(document.activeElement).toBe(all[8]);
  });
});

it.each([[null, []], ["nonsense", []], ['{"a":1}', []], ['["👍",1]', ["👍"]]])("what is kept as %j is %j", (kept, recent) => {
  expect(parseRecent(kept)).toEqual(recent);
});
