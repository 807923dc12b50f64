// What axe-core finds on each screen, in light and in dark: nothing that is more than minor.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { act, composer, message, send } from "./app.mjs";
import { shown } from "./expect.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export default async function access(stage) {
  const ann = await stage.account("ann", "Ann");
  const ben = await stage.account("ben", "Ben");
  const group = await ann.group("Friends", ben);
  await fill(ann, ben, group);
  const guest = await stage.browse("guest");
  const page = await stage.enter(ann, group.path);
  const found = [];

  for (const [theme, options] of [["light", {}], ["dark", { runOnly: ["color-contrast"] }]]) { // nothing else is different in the dark
    for (const each of [guest, page]) await each.emulateMedia({ colorScheme: theme });
    const audit = async (what, on = page) => found.push(...(await violations(on, options)).map((text) => `${what} (${theme}): ${text}`));
    for (const [path, heading] of [["/sign-in", "Sign in"], ["/sign-up", "Create your account"], ["/nowhere", "There is nothing here"]]) {
      await guest.goto(path);
      await shown(guest.getByText(heading).first());
      await audit(path, guest);
    }
    await conversation(page, group, audit);
    await dialogs(page, group, audit);
    for (const path of ["/mentions", "/search?q=bridge", `/d/${ben.id}`, ...sections(group)]) {
      await page.goto(path);
      await shown(page.getByRole("heading", { level: 1 }));
      await audit(path);
    }
  }
  if (found.length) throw new Error(`axe-core finds:\n${found.join("\n")}`);
}

const sections = (group) => [
  ...["profile", "appearance", "notifications", "sessions", "blocked", "account"].map((name) => `/settings/${name}`),
  ...["overview", "members", "invites", "bans", "channels"].map((name) => `/g/${group.id}/admin/${name}`),
];

/** Says a little of everything that a message may have in it. */
async function fill(ann, ben, group) {
  await ben.say(group.general, "Where do we meet, @ann?");
  const markdown = "**At** the _bridge_, `so`:\n\n```js\nconst a = 1;\n```\n> quoted\n\n- one\n- [two](https://example.org)\n\n||hidden||";
  await ann.say(group.general, markdown);
  const [first] = await history(ann, group, 2);
  await ben.api("PUT", `/groups/${group.id}/channels/${group.general.id}/messages/${first.messageId}/reactions/%F0%9F%91%8D`);
  await ben.say(group.general, "Fine", { replyTo: first.messageId });
  await ben.api("POST", `/direct/${ann.id}/messages`, { content: "Just for you", hash: crypto.randomUUID() });
  await history(ann, group, 3);
}

async function history(ann, group, count) {
  for (;;) {
    const messages = await ann.history(group.general);
    if (messages.length === count) return messages;
  }
}

async function conversation(page, group, audit) {
  await page.goto(group.path);
  await shown(message(page, "Where do we meet"), message(page, "Fine"));
  await send(page, "A message of my own");
  await shown(message(page, "A message of my own"));
  await audit("channel");
  for (const panel of ["members", "pins", "search"]) {
    await page.goto(`${group.path}?panel=${panel}`);
    await shown(page.getByRole("complementary").nth(1));
    await audit(panel);
  }
  await page.goto(group.path);
  await act(page, "Where do we meet", "Reply in thread");
  await shown(page.getByRole("textbox", { name: "Reply in this thread" }));
  await audit("thread");
  await page.goto(group.path);
  await act(page, "Where do we meet", "React");
  await shown(page.getByRole("button", { name: "grinning face", exact: true }));
  await audit("emoji picker");
  await page.keyboard.press("Escape");
  await composer(page).pressSequentially("Hello @be");
  await shown(page.getByRole("listbox"));
  await audit("suggestions");
  await composer(page).fill("");
}

async function dialogs(page, group, audit) {
  await page.goto(group.path);
  const menus = [
    ["New", "Create a group"], ["New", "Join with an invite"], ["New", "New personal chat"],
    ["Menu of Friends", "Invite people"], ["Menu of Friends", "Create a channel"],
    ["More", "Edit channel"], ["More", "Notifications"], [/Ann @ann/, "Keyboard shortcuts"],
  ];
  for (const [button, entry] of menus) {
    await page.getByRole("button", { name: button, exact: true }).first().click();
    if (entry === "Create a group") await audit("menu");
    await page.getByRole("menuitem", { name: entry }).click();
    await shown(page.getByRole("dialog"));
    await audit(`dialog: ${entry}`);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
  }
  await page.keyboard.press("Control+k");
  await shown(page.getByRole("dialog"));
  await audit("dialog: jump");
  await page.keyboard.press("Escape");
  await message(page, "Where do we meet").getByRole("button", { name: "Ben" }).click();
  await shown(page.getByRole("button", { name: "Message", exact: true }));
  await audit("card of a person");
}

/**
 * Waits until nothing is under way, and lists are where they begin, before which they are not shown. axe-core takes its time: what changes meanwhile, it
 * takes for a button without a name.
 */
async function settle(page) {
  await page.waitForLoadState("networkidle");
  await page.waitForFunction(() =>
    !document.querySelector("button[aria-busy=true]") &&
    [...document.querySelectorAll("[data-list]")].every((list) => getComputedStyle(list).visibility === "visible"));
}

/** What axe-core finds on a page that is more than minor. */
async function violations(page, options) {
  await settle(page);
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  const { violations: all } = await page.evaluate((more) => window.axe.run(document, { resultTypes: ["violations"], ...more }), options);
  return all
    .filter(({ impact }) => impact !== "minor")
    .map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(({ html, failureSummary }) => `    ${html}\n    ${failureSummary.replaceAll("\n", " ")}`).join("\n")}`);
}
