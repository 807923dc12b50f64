import { flushPromises, mount, type VueWrapper } from "@vue/test-utils";
import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Component } from "vue";
import { createMemoryHistory, createRouter, type Router } from "vue-router";

import { fakeParley, type FakeParley, type FakeState } from "@/client/testing/fake";
import { fakeServer } from "@/client/testing/people";
import { createTexts } from "@/i18n";
import { useParley } from "@/stores/parley";
import { useSignOutReason } from "@/stores/signOut";

import SignIn from "./SignIn.vue";
import SignUp from "./SignUp.vue";

const page = { render: () => null };
let parley: FakeParley;
let router: Router;
let view: VueWrapper;

beforeEach(() => setActivePinia(createPinia()));
afterEach(() => {
  view.unmount();
});

async function show(component: Component, path: string, state: Partial<FakeState> = {}): Promise<void> {
  parley = fakeParley({ me: null, connection: "idle", ...state });
  useParley().use(parley);
  router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: "/sign-in", name: "sign-in", component: page },
      { path: "/sign-up", name: "sign-up", component: page },
      { path: "/:path(.*)", component: page },
    ],
  });
  await router.push(path);
  const texts = createTexts();
  await texts.use("en");
  view = mount(component, { attachTo: document.body, global: { plugins: [router, texts.i18n] } }) as VueWrapper;
}

async function fill(fields: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(fields)) await view.get(`input[name="${name}"]`).setValue(text);
  await view.get("form").trigger("submit");
  await flushPromises();
}

const newcomer = { name: "Ann Lee", username: "ann", password: "a long password" };

test("who signs in comes to where they wanted to go", async () => {
  await show(SignIn, "/sign-in?return=/invite/AbC");
  expect(view.text()).toContain("You are invited to a group.");
  await fill({ username: " ann ", password: "secret" });
  expect(parley.called("signIn")).toEqual([["ann", "secret"]]);
  expect(router.currentRoute.value.fullPath).toBe("/invite/AbC");
});

test("a sign-in with nothing entered asks for it", async () => {
  await show(SignIn, "/sign-in");
  await fill({ username: "", password: "" });
  expect(view.text()).toContain("Enter your username.");
  expect(document.activeElement?.getAttribute("name")).toBe("username");
  expect(parley.called("signIn")).toEqual([]);
});

test("a sign-in that is refused says why, and can be tried again", async () => {
  await show(SignIn, "/sign-in");
  parley.failNext("signIn", { code: "invalid_credentials", status: 401 });
  await fill({ username: "ann", password: "wrong" });
  expect(view.get('[role="alert"]').text()).toBe("The username or the password is wrong.");
  await fill({ password: "right" });
  expect(view.find('[role="alert"]').exists()).toBe(false);
  expect(router.currentRoute.value.fullPath).toBe("/");
});

test("why a sign-in has ended is said where one signs in again", async () => {
  useSignOutReason().reason = { code: "user_disabled", detail: "The user is disabled." };
  await show(SignIn, "/sign-in");
  expect(view.get(".ended").text()).toContain("Your account has been disabled.");
});

test("without an answer of the server there is nothing to fill in yet", async () => {
  await show(SignIn, "/sign-in", { server: null });
  expect(view.text()).toContain("The server does not answer");
  expect(view.find("form").exists()).toBe(false);
  parley.setServer(fakeServer);
  await flushPromises();
  expect(view.find("form").exists()).toBe(true);
});

test("nobody can sign in where there is no account yet", async () => {
  await show(SignIn, "/sign-in", { server: { ...fakeServer, accounts: false } });
  await flushPromises();
  expect(router.currentRoute.value.name).toBe("sign-up");
});

test("who signs up is checked by the server's rules first", async () => {
  await show(SignUp, "/sign-up");
  await fill({ name: " ", username: "a b", password: "short" });
  expect(view.text()).toContain("Enter a name that others can see.");
  expect(view.text()).toContain("Only a–z, 0–9");
  expect(view.text()).toContain("A password has at least 8 characters.");
  expect(document.activeElement?.getAttribute("name")).toBe("name");
  expect(parley.called("register")).toEqual([]);
});

test("who signs up is told what the server says of each field", async () => {
  await show(SignUp, "/sign-up");
  parley.failNext("register", { code: "username_taken" });
  await fill(newcomer);
  expect(view.text()).toContain("Somebody else has this username.");
  expect(document.activeElement?.getAttribute("name")).toBe("username");
  parley.failNext("register", { code: "validation_failed", status: 400, errors: [{ field: "displayName", message: "must not contain control characters" }] });
  await fill({ username: "anna" });
  expect(view.text()).toContain("must not contain control characters");
  await fill({});
  expect(parley.called("register").at(-1)).toEqual(["anna", "a long password", "Ann Lee"]);
  expect(router.currentRoute.value.fullPath).toBe("/");
});

test("the first account of a server is made with a word on what comes then", async () => {
  await show(SignUp, "/sign-up", { server: { ...fakeServer, accounts: false } });
  expect(view.get("h1").text()).toBe("This server has no account yet");
  expect(view.find("a").exists()).toBe(false);
});

test("where registration is closed, there is nothing to fill in", async () => {
  await show(SignUp, "/sign-up", { server: { ...fakeServer, registration: "closed" } });
  expect(view.get("h1").text()).toBe("Registration is closed");
  expect(view.find("form").exists()).toBe(false);
  expect(view.get("a").attributes("href")).toBe("/sign-in");
});
