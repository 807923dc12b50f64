import { mount } from "@vue/test-utils";
import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { fakeParley, type FakeParley } from "@/client/testing/fake";
import { theUsers } from "@/client/testing/people";
import { createTexts } from "@/i18n";
import { useParley } from "@/stores/parley";

import PersonPicker from "./PersonPicker.vue";
import { typingPause } from "./peopleSearch";

const texts = createTexts();
let parley: FakeParley;

beforeEach(async () => {
  await texts.use("en");
  vi.useFakeTimers();
  setActivePinia(createPinia());
  parley = fakeParley({ api: { findUsers: () => Promise.resolve([...theUsers]) } });
  useParley().use(parley);
});
afterEach(() => { vi.useRealTimers(); });

async function typing(query: string, props = {}) {
  const picker = mount(PersonPicker, { props: { label: "Who?", ...props }, global: { plugins: [texts.i18n] } });
  await picker.get("input").setValue(query);
  await vi.advanceTimersByTimeAsync(typingPause);
  const shown = () => picker.findAll(".name").map((name) => name.text());
  const active = () => {
    const id = picker.get("input").attributes("aria-activedescendant");
    return id === undefined ? undefined : picker.get(`[id="${id}"] .name`).text();
  };
  return { picker, input: picker.get("input"), shown, active };
}

it("offers whom the server finds, without those who are left out", async () => {
  const { input, shown } = await typing("@a", { without: [2] });
  expect(parley.called("api.findUsers")).toEqual([["a"]]);
  expect(shown()).toEqual(["Ann", "Cleo", "Dan"]);
  expect(input.attributes("aria-expanded")).toBe("true");
});

it("is used by keys alone: arrows choose, going round, and Enter picks", async () => {
  const { picker, input, active } = await typing("a");
  expect(active()).toBe("Ann");
  await input.trigger("keydown", { key: "ArrowUp" });
  expect(active()).toBe("Dan");
  await input.trigger("keydown", { key: "ArrowDown" });
  await input.trigger("keydown", { key: "ArrowDown" });
  await input.trigger("keydown", { key: "Enter" });
  expect(picker.emitted("pick")).toEqual([[theUsers[1]]]);
  expect(input.element.value).toBe("");
  expect(active()).toBeUndefined();
});

it("is emptied by Esc, which closes nothing else then", async () => {
  const { input, shown } = await typing("a");
  const escape = new KeyboardEvent("keydown", { key: "Escape", cancelable: true });
  input.element.dispatchEvent(escape);
  await vi.advanceTimersByTimeAsync(0);
  expect(escape.defaultPrevented).toBe(true);
  expect(shown()).toEqual([]);
});

it("says beside the field what went wrong", async () => {
  parley.failNext("api.findUsers", { code: "rate_limited", status: 429, detail: "Too many requests." });
  const { picker, input } = await typing("a");
  expect(picker.get('[role="alert"]').text()).toBe("Too many requests.");
  expect(input.attributes("aria-invalid")).toBe("true");
});
