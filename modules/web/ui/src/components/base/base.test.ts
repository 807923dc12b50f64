import { mount } from "@vue/test-utils";
import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, expect, test } from "vitest";
import { h, nextTick } from "vue";
import { createMemoryHistory, createRouter } from "vue-router";

import { createTexts } from "@/i18n";

import AppDialog from "./AppDialog.vue";
import AppField from "./AppField.vue";
import AppMenu from "./AppMenu.vue";
import { beside } from "./anchor";
import { hueOf, initialsOf } from "./avatar";
import { useConfirm, useConfirmation } from "./confirm";
import EmptyState from "./EmptyState.vue";
import FormDialog from "./FormDialog.vue";
import { moveInMenu } from "./menu";
import SectionedPage from "./SectionedPage.vue";
import TextInput from "./TextInput.vue";
import { useToasts } from "./toasts";

const texts = createTexts();
const global = { plugins: [texts.i18n] };

beforeEach(async () => {
  setActivePinia(createPinia());
  await texts.use("en");
});
afterEach(() => document.body.replaceChildren());

test("initials are the first letters of the first and the last word", () => {
  expect(initialsOf("Ann Lee")).toBe("AL");
  expect(initialsOf("ann")).toBe("A");
  expect(initialsOf("Mary Jane van Dam")).toBe("MD");
  expect(initialsOf("👩‍🚀 zoë")).toBe("👩‍🚀Z");
  expect(initialsOf("  ")).toBe("");
});

test("the colours of neighbouring ids are far from each other", () => {
  for (let id = 1; id < 50; id++) {
    const apart = Math.abs(hueOf(id) - hueOf(id + 1));
    expect(Math.min(apart, 360 - apart)).toBeGreaterThan(90);
  }
});

test("what floats changes sides where there is no room, and stays within the viewport", () => {
  const viewport = { width: 400, height: 300 };
  const size = { width: 100, height: 80 };
  const box = (left: number, top: number) => ({ left, top, right: left + 20, bottom: top + 20 });
  expect(beside(box(50, 50), size, viewport, "bottom-start")).toEqual({ left: 50, top: 76 });
  expect(beside(box(50, 250), size, viewport, "bottom-start")).toEqual({ left: 50, top: 164 });
  expect(beside(box(350, 50), size, viewport, "bottom-start")).toEqual({ left: 292, top: 76 });
  expect(beside(box(350, 50), size, viewport, "right-start")).toEqual({ left: 244, top: 50 });
  expect(beside(box(10, 50), size, viewport, "left-start")).toEqual({ left: 36, top: 50 });
});

test("the keys of a menu go round", () => {
  expect(moveInMenu("ArrowDown", 2, 3)).toBe(0);
  expect(moveInMenu("ArrowUp", 0, 3)).toBe(2);
  expect(moveInMenu("End", 0, 3)).toBe(2);
  expect(moveInMenu("x", 0, 3)).toBeUndefined();
});

test("a menu opens by its button, and runs what is chosen", async () => {
  let ran = 0;
  const menu = mount(AppMenu, {
    global,
    attachTo: document.body,
    props: { label: "More", items: [{ key: "a", label: "Do it", run: () => ran++ }] },
  });
  const button = menu.get("button");
  expect(button.attributes("aria-expanded")).toBe("false");
  expect(menu.find('[role="menuitem"]').exists()).toBe(false);
  await button.trigger("click");
  await nextTick();
  expect(button.attributes("aria-expanded")).toBe("true");
  await menu.get('[role="menuitem"]').trigger("click");
  await nextTick();
  expect(ran).toBe(1);
  expect(button.attributes("aria-expanded")).toBe("false");
});

test("a field's control belongs to its label, and to its error", async () => {
  const field = mount(AppField, {
    props: { label: "Name", hint: "As others see it" },
    slots: { default: (control: object) => h(TextInput, { ...control, modelValue: "" }) },
  });
  const input = field.get("input");
  expect(field.get("label").attributes("for")).toBe(input.attributes("id"));
  expect(field.get(`#${input.attributes("aria-describedby")}`).text()).toBe("As others see it");
  await field.setProps({ error: "Too long" });
  expect(input.attributes("aria-invalid")).toBe("true");
  expect(field.get(`#${input.attributes("aria-describedby")}`).text()).toBe("Too long");
});

test("a dialog has its content while it is open, and says when it is closed", async () => {
  const dialog = mount(AppDialog, { global, attachTo: document.body, props: { open: false, title: "New group" }, slots: { default: () => "content" } });
  expect(dialog.text()).not.toContain("content");
  await dialog.setProps({ open: true });
  expect(dialog.text()).toContain("content");
  dialog.get("dialog").element.close();
  await nextTick();
  expect(dialog.emitted("update:open")?.at(-1)).toEqual([false]);
});

test("a dialog with a form submits it by the button below it, and says what went wrong", async () => {
  const dialog = mount(FormDialog, {
    global,
    attachTo: document.body,
    props: { open: true, title: "New group", action: "Create", busy: false },
    slots: { default: () => "fields", more: () => "more" },
  });
  const submit = dialog.get('button[type="submit"]');
  expect(submit.attributes("form")).toBe(dialog.get("form").attributes("id"));
  expect(dialog.find('[role="alert"]').exists()).toBe(false);
  await dialog.get("form").trigger("submit");
  expect(dialog.emitted("submit")).toHaveLength(1);
  await dialog.setProps({ busy: true, problem: "The name is taken" });
  expect(submit.attributes("aria-busy")).toBe("true");
  expect(dialog.get('form [role="alert"]').text()).toBe("The name is taken");
  const cancel = dialog.findAll("footer button").find((button) => button.text() === "Cancel");
  await cancel?.trigger("click");
  expect(dialog.emitted("update:open")?.at(-1)).toEqual([false]);
});

test("a page shows the section that its address names, or the first, as a region with its name", async () => {
  const routes = [{ path: "/:group/admin/:section?", component: { render: () => null } }];
  const router = createRouter({ history: createMemoryHistory(), routes });
  await router.push("/7/admin");
  const sections = [{ name: "overview", title: "Overview" }, { name: "bans", title: "Bans" }];
  const wrapper = mount(SectionedPage, {
    global: { plugins: [texts.i18n, router], stubs: { MenuButton: true } },
    props: { title: "Friends", label: "Sections", sections },
    slots: { default: ({ section }: { section: { name: string } }) => `about ${section.name}` },
  });
  const region = wrapper.get("section");
  const name = () => wrapper.get(`#${region.attributes("aria-labelledby")}`).text();
  expect(name()).toBe("Overview");
  expect(region.text()).toContain("about overview");
  expect(wrapper.findAll("a").map((link) => link.attributes("href"))).toEqual(["/7/admin/overview", "/7/admin/bans"]);
  await router.push("/7/admin/bans");
  expect(name()).toBe("Bans");
  expect(region.text()).toContain("about bans");
  expect(wrapper.get('[aria-current="page"]').text()).toBe("Bans");
});

test("what says that there is nothing is the heading of a page that has nothing else", () => {
  expect(mount(EmptyState, { props: { title: "Nothing" } }).find("h1").exists()).toBe(false);
  expect(mount(EmptyState, { props: { title: "Nothing", page: true } }).get("h1").text()).toBe("Nothing");
});

test("a question is answered once, and another one takes its place with a no", async () => {
  const confirm = useConfirm();
  const question = { title: "Sure?", text: "", action: "Do it" };
  const first = confirm(question);
  const second = confirm(question);
  await expect(first).resolves.toBe(false);
  useConfirmation().answer(true);
  await expect(second).resolves.toBe(true);
  expect(useConfirmation().question).toBeUndefined();
});

test("of the notes only the latest three are shown, and none twice", () => {
  const toasts = useToasts();
  for (const text of ["a", "b", "b", "c", "d"]) toasts.show(text);
  expect(toasts.toasts.map((toast) => toast.text)).toEqual(["b", "c", "d"]);
});
