import { expect, test } from "vitest";
import { createMemoryHistory, createRouter, type RouteRecordRaw } from "vue-router";

import { guard, returnPath, type Session } from "./guard";

const page = { render: () => null };

const routes: RouteRecordRaw[] = [
  { path: "/sign-in", name: "sign-in", component: page, meta: { for: "guest" } },
  { path: "/sign-up", name: "sign-up", component: page, meta: { for: "guest" } },
  { path: "/", component: page, meta: { for: "user" }, children: [{ path: "", component: page }, { path: ":path(.+)", component: page }] },
];

/** Where one ends up who wants to go to a path. */
async function goTo(path: string, session: Partial<Session> = {}): Promise<string> {
  const whole = { known: Promise.resolve(), signedIn: () => false, hasAccounts: () => true, ...session };
  const router = createRouter({ history: createMemoryHistory(), routes });
  router.beforeEach((to) => guard(to, whole));
  await router.push(path);
  return decodeURIComponent(router.currentRoute.value.fullPath);
}

test("who is not signed in signs in first, and comes back to where they wanted to go", async () => {
  expect(await goTo("/")).toBe("/sign-in");
  expect(await goTo("/g/1/c/2?seq=3")).toBe("/sign-in?return=/g/1/c/2?seq=3");
  expect(await goTo("/invite/AbC")).toBe("/sign-in?return=/invite/AbC");
  expect(await goTo("/sign-up")).toBe("/sign-up");
});

test("on a server without any account, the first one is made", async () => {
  expect(await goTo("/", { hasAccounts: () => false })).toBe("/sign-up");
  expect(await goTo("/invite/AbC", { hasAccounts: () => false })).toBe("/sign-up?return=/invite/AbC");
});

test("who is signed in need not sign in", async () => {
  const signedIn = { signedIn: () => true };
  expect(await goTo("/g/1/c/2", signedIn)).toBe("/g/1/c/2");
  expect(await goTo("/sign-in", signedIn)).toBe("/");
  expect(await goTo("/sign-up?return=/invite/AbC", signedIn)).toBe("/invite/AbC");
});

test("nobody is sent anywhere before it is known who is signed in", async () => {
  let me = false;
  const known = Promise.resolve().then(() => void (me = true));
  expect(await goTo("/mentions", { known, signedIn: () => me })).toBe("/mentions");
});

test.each([
  ["/invite/AbC", "/invite/AbC"],
  ["/g/1/c/2?seq=3#x", "/g/1/c/2?seq=3#x"],
  ["https://elsewhere.example/", "/"],
  ["//elsewhere.example/", "/"],
  ["/\\elsewhere.example/", "/"],
  ["sign-up", "/"],
  [undefined, "/"],
  [["/a", "/b"], "/"],
])("a return path stays within the application: %j", (query, path) => {
  expect(returnPath(query)).toBe(path);
});
