// Everything without a mouse.

import { password } from "./account.mjs";
import { composer, composerOf, list, message, panel } from "./app.mjs";
import { becomes, gone, shown } from "./expect.mjs";

export default async function keyboard(stage) {
  const ann = await stage.account("ann", "Ann");
  const ben = await stage.account("ben", "Ben");
  const group = await ann.group("Friends", ben);
  await ann.channel(group, "random");
  await ben.say(group.general, "Who comes along?");

  const page = await stage.browse("ann");
  await page.goto(group.path);
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  const type = (text) => page.keyboard.type(text);

  await shown(page.getByLabel("Username"));
  await becomes(() => focused(page), "Username", "where to begin has the focus");
  await type("ann");
  await press("Tab");
  await type(password);
  await press("Enter");
  await shown(message(page, "Who comes along?"));

  await becomes(() => focused(page), "Message #general", "one can write at once");
  await press("Alt+ArrowDown");
  await shown(composerOf(page, "random"));
  await press("Control+k");
  await shown(page.getByRole("dialog"));
  await type("general");
  await press("Enter");
  await shown(composerOf(page, "general"));
  await becomes(() => focused(page), "Message #general", "the focus is where one writes");

  await type("I do");
  await press("Enter");
  await shown(message(page, "I do"));
  await becomes(() => page.getByTitle("Sending").count(), 0, "sent");
  await press("ArrowUp"); // the last message of one's own
  await becomes(() => focused(page), "Edit message", "it can be changed");
  await type(" too");
  await press("Enter");
  await shown(message(page, "I do too"), message(page, "(edited)"));

  await messages(page, press, type);
  await places(page, press, type);
}

/** The name of what has the focus. */
const focused = (page) => page.evaluate(() => {
  const element = document.activeElement;
  return element?.getAttribute("aria-label") ?? element?.labels?.[0]?.textContent?.trim() ?? element?.textContent?.trim() ?? "";
});

/** Goes to messages with the arrow keys, and does something with each. */
async function messages(page, press, type) {
  await list(page).focus();
  await press("ArrowUp");
  await becomes(() => focused(page), "Ann", "the last message has the focus");
  await press("ArrowUp");
  await becomes(() => focused(page), "Ben", "the one before has it");
  await press("+");
  await shown(page.getByRole("searchbox").or(page.getByRole("textbox", { name: "Find an emoji" })));
  await type("rocket");
  await shown(page.getByRole("button", { name: /rocket/i }).or(page.getByRole("option", { name: /rocket/i })).or(page.getByRole("gridcell", { name: /rocket/i })));
  await press("Enter");
  await shown(message(page, "Who comes along?").getByRole("button", { name: /🚀/ }));
  await list(page).focus();
  await press("ArrowUp", "ArrowUp", "t");
  const thread = panel(page, "Thread");
  await becomes(() => focused(page), "Reply in this thread", "one can reply at once");
  await type("To the lake?");
  await press("Enter");
  await shown(thread.getByRole("article").filter({ hasText: "To the lake?" }));
  await press("Escape");
  await gone(thread);
}

/** Goes to the settings, and out. */
async function places(page, press) {
  await composer(page).focus();
  await press("Alt+ArrowUp"); // whatever is there: it is left again
  await page.getByRole("button", { name: /Ann @ann/ }).focus();
  await press("Enter");
  await becomes(() => focused(page), "Settings", "the menu is open");
  await press("Enter");
  await shown(page.getByRole("heading", { name: "Settings" }));
  await page.getByRole("button", { name: /Ann @ann/ }).focus();
  await press("Enter");
  await becomes(() => focused(page), "Settings", "the menu is open");
  await press("ArrowDown", "ArrowDown");
  await becomes(() => focused(page), "Sign out", "the last entry");
  await press("Enter");
  await shown(page.getByLabel("Username"));
}
