// The first account of a server, its first group, and the others, who come by an invite.

import { password } from "./account.mjs";
import { composerOf, message, send } from "./app.mjs";
import { matches, shown } from "./expect.mjs";

export default async function beginning(stage) {
  const page = await stage.browse("ann");
  await page.goto("/");
  await shown(page.getByRole("heading", { name: "This server has no account yet" }));
  await signUp(page, "Ann", "ann", "Create the first account");

  await shown(page.getByRole("heading", { name: "Welcome, Ann" }));
  await page.getByRole("button", { name: "Create a group" }).click();
  const create = page.getByRole("dialog", { name: "New group" });
  await create.getByLabel("Name").fill("Friends");
  await create.getByRole("button", { name: "Create the group" }).click();
  await shown(composerOf(page, "general"));
  await send(page, "Is anybody there?");

  const ben = await stage.browse("ben");
  await ben.goto(await invite(page));
  await shown(ben.getByText("You are invited to a group. Sign in to see the invitation."));
  await ben.getByRole("link", { name: "Create one" }).click();
  await signUp(ben, "Ben", "ben", "Create account");
  await shown(ben.getByRole("heading", { name: "Friends" }));
  await ben.getByRole("button", { name: "Join the group" }).click();
  await shown(message(ben, "Is anybody there?"));
  await send(ben, "I am");
  await shown(message(page, "I am"));
}

async function signUp(page, name, username, action) {
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: action }).click();
}

/** Makes an invite to the group of the channel that is shown, and returns its link. */
async function invite(page) {
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Invite people" }).click();
  const dialog = page.getByRole("dialog", { name: "Invites to Friends" });
  await dialog.getByRole("button", { name: "Make a link" }).click();
  const link = dialog.getByLabel("Link of the invite");
  await shown(link);
  const url = await link.inputValue();
  matches(url, /\/invite\/.+/);
  await page.keyboard.press("Escape");
  return url;
}
