// Two tabs of one person know of each other, and what was begun is not lost.

import { composer, go, link, message, send } from "./app.mjs";
import { becomes, gone, shown } from "./expect.mjs";

export default async function tabs(stage) {
  const ann = await stage.account("ann", "Ann");
  const ben = await stage.account("ben", "Ben");
  const group = await ann.group("Friends", ben);
  const random = await ann.channel(group, "random");
  const path = `/g/${group.id}/c/${random.id}`;

  const first = await stage.enter(ann, path);
  const second = await stage.tab(first.context(), "ann-2");
  await second.goto(path); // signed in already
  await shown(composer(second));

  await ben.say(group.general, "Something new");
  for (const page of [first, second]) await shown(link(page, /general.*unread/));
  await go(first, "general");
  await shown(message(first, "Something new"));
  await gone(link(second, /general.*unread/));

  await send(first, "Said in the first tab");
  await go(second, "general");
  await shown(message(second, "Said in the first tab"));

  await composer(first).fill("Not finished");
  await go(first, "random");
  await first.reload();
  await go(first, "general");
  await becomes(() => composer(first).inputValue(), "Not finished", "the draft is there");

  second.watch.expect(/status of 401/); // it may learn it from the server first
  await first.getByRole("button", { name: /Ann @ann/ }).click();
  await first.getByRole("menuitem", { name: "Sign out" }).click();
  for (const page of [first, second]) await shown(page.getByRole("heading", { name: "Sign in" }));
  await first.reload();
  await shown(first.getByRole("heading", { name: "Sign in" }));
}
