// What people do in the web client, by the names that it gives to things.

import { password } from "./account.mjs";
import { shown } from "./expect.mjs";

/** Signs in on the page that asks for it. */
export async function signIn(page, username, secret = password) {
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password", { exact: true }).fill(secret);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Where to write in the conversation that is shown. */
export const composer = (page) => page.getByRole("textbox", { name: /^(Message|A note to yourself|Reply in this thread)/ }).first();

export const composerOf = (page, channel) => page.getByRole("textbox", { name: `Message #${channel}`, exact: true });

/** Writes a message and sends it. */
export async function send(page, text) {
  await composer(page).fill(text);
  await composer(page).press("Enter");
}

/** The messages of the conversation that is shown. */
export const list = (page) => page.getByRole("log").first();

/** The first message with a text: those that answer it, and quote it, come later. */
export const message = (page, text) => list(page).getByRole("article").filter({ hasText: text }).first();

/** The texts of the messages that are shown, in order, of those that match. */
export const texts = async (page, pattern) =>
  (await list(page).getByRole("article").allInnerTexts()).flatMap((text) => pattern.exec(text)?.[0] ?? []);

/** How far a message of one's own has got, in the words of the client. */
export const receipt = (row, words) => row.getByRole("button", { name: words }).or(row.getByTitle(words));

/** What is shown beside the conversation, such as its "Members". */
export const panel = (page, name) => page.getByRole("region", { name, exact: true });

/** Presses a button of a message: those are shown for the one that is pointed at. */
export async function act(page, text, action) {
  await message(page, text).hover();
  await page.getByRole("toolbar").getByRole("button", { name: action, exact: true }).click();
}

/** Takes an entry from the menu of a message. */
export async function choose(page, text, entry) {
  await act(page, text, "More");
  await page.getByRole("menuitem", { name: entry }).click();
}

/** Where groups, channels and personal chats are listed. */
export const sidebar = (page) => page.getByRole("navigation").first();

export const link = (page, name) => sidebar(page).getByRole("link", { name });

/** Goes to a channel by the list. */
export async function go(page, channel) {
  await link(page, new RegExp(channel)).first().click();
  await shown(composerOf(page, channel));
}

/** Goes to the end of the conversation that is shown. */
export async function goToNewest(page) {
  await shown(list(page).getByRole("article"));
  const button = page.getByRole("button", { name: /^(To the newest|\d+ new messages?)$/ });
  if (await button.isVisible()) await button.click();
}
