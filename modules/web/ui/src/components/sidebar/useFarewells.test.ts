import { flushPromises, mount } from "@vue/test-utils";
import { createPinia, setActivePinia } from "pinia";
import { beforeEach, expect, test } from "vitest";
import { defineComponent, h } from "vue";
import { createMemoryHistory, createRouter, type Router } from "vue-router";

import { fakeParley, type FakeParley } from "@/client/testing/fake";
import { useToasts } from "@/components/base/toasts";
import { createTexts } from "@/i18n";
import { useParley } from "@/stores/parley";
import { useVisits } from "@/stores/visits";

import { useFarewells } from "./useFarewells";

const page = { render: () => null };
let parley: FakeParley;
let router: Router;

beforeEach(async () => {
  localStorage.clear();
  const pinia = createPinia();
  setActivePinia(pinia);
  parley = fakeParley();
  useParley().use(parley);
  router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: "/", name: "home", component: page },
      { path: "/g/:groupId/c/:channelId", name: "channel", component: page },
      { path: "/g/:groupId/admin", name: "group-admin", component: page },
    ],
  });
  const texts = createTexts();
  await texts.use("en");
  const host = defineComponent({ setup: () => (useFarewells(), () => h("div")) });
  mount(host, { global: { plugins: [pinia, router, texts.i18n] } });
});

function said(): string[] {
  return useToasts().toasts.map(({ text }) => text);
}

test("who is removed from the group that they look at is told, and led away", async () => {
  await router.push("/g/1/admin");
  parley.happen("left", { groupId: 1, name: "Garden", reason: "removed" });
  await flushPromises();
  expect(said()).toEqual(["You were removed from Garden."]);
  expect(router.currentRoute.value.name).toBe("home");
});

test("who is removed from another group is told, and stays", async () => {
  await router.push("/g/1/c/1");
  parley.happen("left", { groupId: 2, name: "Kitchen", reason: "banned" });
  await flushPromises();
  expect(said()).toEqual(["You were banned from Kitchen."]);
  expect(router.currentRoute.value.fullPath).toBe("/g/1/c/1");
});

test("who has left with another device knows", async () => {
  await router.push("/g/1/c/1");
  parley.happen("left", { groupId: 2, name: "Kitchen", reason: "left" });
  await flushPromises();
  expect(said()).toEqual([]);
});

test("a channel that is gone is not what one comes back to", async () => {
  const visits = useVisits();
  visits.visit("c1");
  visits.visit("c2");
  await router.push("/g/1/c/2");
  parley.happen("channel-gone", { groupId: 1, channelId: 2, name: "tools" });
  await flushPromises();
  expect(said()).toEqual(["The channel tools is gone, or not for you any more."]);
  expect(visits.places).toEqual(["c1"]);
  expect(router.currentRoute.value.name).toBe("home");
});
