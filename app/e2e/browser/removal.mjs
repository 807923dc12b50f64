// Somebody is removed from a group while they look at it.

import { link, message, panel, send } from "./app.mjs";
import { becomes, check, equal, gone, shown } from "./expect.mjs";

export default async function removal(stage) {
  const ann = await stage.account("ann", "Ann");
  const ben = await stage.account("ben", "Ben");
  const group = await ann.group("Friends", ben);
  const other = await ben.group("Family");
  const hers = await stage.enter(ann, group.path);
  const his = await stage.enter(ben, group.path);
  await send(hers, "Welcome");
  await shown(message(his, "Welcome"));

  await hers.getByRole("button", { name: /^Members/ }).click();
  await panel(hers, "Members").getByRole("button", { name: /Ben/ }).first().click();
  await hers.getByRole("button", { name: /More about Ben/ }).click();
  await hers.getByRole("menuitem", { name: "Remove from the group" }).click();
  await hers.getByRole("dialog", { name: "Remove Ben?" }).getByRole("button", { name: "Remove" }).click();

  await shown(his.getByText("You were removed from Friends."));
  await gone(his.getByText("Welcome"), link(his, /general/).and(his.locator(`[href="${group.path}"]`)));
  await becomes(() => new URL(his.url()).pathname, other.path, "he is led to what is left");

  await send(hers, "Only among us");
  await shown(message(hers, "Only among us").getByRole("button", { name: "Sent" }));
  await ben.say(other.general, "a sign that everything before has arrived");
  await shown(message(his, "a sign that everything before has arrived"));
  equal(await his.getByText("Only among us").count(), 0);
  // Nor by its address.
  await his.goto(group.path);
  await shown(his.getByText("This channel is not here"));
  check(!(await his.content()).includes("Welcome"));
}
