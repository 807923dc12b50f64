import { createPinia, setActivePinia } from "pinia";
import { expect, it } from "vitest";
import { effectScope, nextTick, ref } from "vue";

import { usePageTitle, useTitle } from "./title";

it("says what is shown, and how much waits", async () => {
  setActivePinia(createPinia());
  const title = useTitle();
  expect(document.title).toBe("Parley");

  const name = ref("#general");
  const page = effectScope();
  page.run(() => { usePageTitle(name); });
  title.waiting = 3;
  await nextTick();
  expect(document.title).toBe("(3) #general · Parley");

  name.value = "#tools";
  await nextTick();
  expect(document.title).toBe("(3) #tools · Parley");

  // The next page is there before this one goes.
  const next = effectScope();
  next.run(() => { usePageTitle("Search"); });
  page.stop();
  title.waiting = 0;
  await nextTick();
  expect(document.title).toBe("Search · Parley");
  next.stop();
  await nextTick();
  expect(document.title).toBe("Parley");
});
