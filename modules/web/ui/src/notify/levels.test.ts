import { createPinia, setActivePinia } from "pinia";
import { beforeEach, expect, it } from "vitest";

import type { Place } from "@/client";
import { type FakeParley, fakeParley } from "@/client/testing/fake";
import { theUsers } from "@/client/testing/people";
import { useParley } from "@/stores/parley";

import { useLevels } from "./levels";

const general: Place = { kind: "channel", id: 1 };

function levels(client: FakeParley = fakeParley()) {
  setActivePinia(createPinia());
  useParley().use(client);
  return useLevels();
}

beforeEach(() => {
  localStorage.clear();
});

it("keeps what differs from the default, for one user", () => {
  levels().set(general, "none");

  const client = fakeParley();
  const reloaded = levels(client);
  expect(reloaded.of(general)).toBe("none");
  client.setMe(theUsers[1]!);
  expect(reloaded.of(general)).toBe("mentions");
  client.setMe(theUsers[0]!);

  reloaded.set(general, "mentions");
  expect(localStorage).toHaveLength(0);
});

it("takes what it cannot read for nothing", () => {
  localStorage.setItem("parley.levels.1", JSON.stringify({ c1: "loud", c2: "all" }));
  const store = levels();
  expect(store.of(general)).toBe("mentions");
  expect(store.of({ kind: "channel", id: 2 })).toBe("all");
});
