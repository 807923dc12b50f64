import { createPinia, setActivePinia } from "pinia";
import { beforeEach, expect, it } from "vitest";

import type { Place } from "@/client";
import { type FakeParley, fakeParley } from "@/client/testing/fake";
import { theUsers } from "@/client/testing/people";

import { useDrafts } from "./drafts";
import { useParley } from "./parley";

const general: Place = { kind: "channel", id: 1 };

/** The drafts of a page that has just been loaded. */
function drafts(client: FakeParley = fakeParley()) {
  setActivePinia(createPinia());
  useParley().use(client);
  return useDrafts();
}

beforeEach(() => {
  localStorage.clear();
});

it("keeps a draft by place, over a reload", () => {
  drafts().set("c1", { text: "Half a", replyTo: 7 });

  const reloaded = drafts();
  expect(reloaded.get("c1")).toEqual({ text: "Half a", replyTo: 7 });
  expect(reloaded.get("d1")).toEqual({ text: "" });
  expect(reloaded.hasDraft(general)).toBe(true);
  expect(reloaded.hasDraft({ kind: "direct", id: 1 })).toBe(false);
});

it("forgets a draft that says nothing any more", () => {
  const store = drafts();
  store.set("c1", { text: "Half a" });
  store.set("c1", { text: "  \n" });
  expect(store.hasDraft(general)).toBe(false);
  expect(localStorage).toHaveLength(0);
});

it("shows nobody the drafts of somebody else", () => {
  const client = fakeParley();
  const store = drafts(client);
  store.set("c1", { text: "Ann's" });

  client.setMe(theUsers[1]!);
  expect(store.hasDraft(general)).toBe(false);

  client.setMe(theUsers[0]!);
  expect(store.get("c1").text).toBe("Ann's");
});

it("keeps drafts when a sign-in has expired, and forgets them when asked to", () => {
  const client = fakeParley();
  const store = drafts(client);
  store.set("c1", { text: "Half a" });

  client.setMe(null);
  expect(store.hasDraft(general)).toBe(false);
  client.setMe(theUsers[0]!);
  expect(store.hasDraft(general)).toBe(true);

  store.forget(1);
  expect(store.hasDraft(general)).toBe(false);
  expect(localStorage).toHaveLength(0);
});

it("takes over what another tab has written", () => {
  const store = drafts();
  localStorage.setItem("parley.drafts.1", JSON.stringify([["c1", { text: "Elsewhere" }]]));
  dispatchEvent(new StorageEvent("storage", { key: "parley.drafts.1" }));
  expect(store.get("c1").text).toBe("Elsewhere");
});

it("takes what it cannot read for nothing", () => {
  localStorage.setItem("parley.drafts.1", "{");
  expect(drafts().hasDraft(general)).toBe(false);
  localStorage.setItem("parley.drafts.1", JSON.stringify([["c1"], ["c2", { text: 5 }], ["c3", { text: "Good" }]]));
  expect(drafts().get("c3").text).toBe("Good");
});
