// Search, mentions, and the sign-ins of other devices.

import { list, message } from "./app.mjs";
import { becomes, shown } from "./expect.mjs";

export default async function finding(stage) {
  const ann = await stage.account("ann", "Ann");
  const ben = await stage.account("ben", "Ben");
  const group = await ann.group("Friends", ben);
  await ben.say(group.general, "The treasure is under the oak, @ann");
  for (let i = 0; i < 120; i++) await ben.say(group.general, `Chatter ${i}`);
  await becomes(async () => (await ann.history(group.general)).length, 121, "all is kept");
  const page = await stage.enter(ann, group.path);

  await page.getByRole("link", { name: "Search" }).click();
  await page.getByRole("searchbox").or(page.getByRole("textbox", { name: "Search for" })).first().fill("treasure");
  await page.keyboard.press("Enter");
  const found = page.getByRole("main").getByText("under the oak").first();
  await shown(page.getByText("One message found"), found);
  await found.click({ force: true }); // the link covers all of what was found
  await shown(message(page, "The treasure is under the oak"), list(page).getByText("Chatter 1", { exact: true }));

  await page.getByRole("link", { name: "Mentions" }).click();
  await shown(page.getByRole("heading", { name: "Mentions" }), page.getByRole("main").getByText("under the oak"));

  const other = await stage.enter(ann, group.path);
  other.watch.expect(/status of 401/); // to the sign-in that has ended
  await page.goto("/settings/sessions");
  await shown(page.getByText("This device"));
  await page.getByRole("button", { name: /^Sign out/ }).filter({ hasNotText: "everywhere" }).first().click();
  await shown(other.getByRole("heading", { name: "Sign in" }));
  await shown(page.getByText("This device"));
}
