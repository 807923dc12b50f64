// A phone: one thing at a time, and a way back from each.

import { composerOf, link, message, panel, sidebar } from "./app.mjs";
import { becomes, gone, shown } from "./expect.mjs";

const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

export default async function mobile(stage) {
  const ann = await stage.account("ann", "Ann");
  const ben = await stage.account("ben", "Ben");
  const group = await ann.group("Friends", ben);
  await ann.channel(group, "random");
  await ben.say(group.general, `A word without an end: ${"endless".repeat(40)}`);
  await ben.say(group.general, "```\nconst code = 'a line that is much longer than the screen of a phone is wide, so that it has to scroll by itself';\n```");
  await ben.say(group.general, "Who comes along?");

  const page = await stage.enter(ann, group.path, phone);
  await shown(message(page, "Who comes along?"));
  await fits(page);
  await gone(sidebar(page));

  await page.getByRole("button", { name: /^Open the menu/ }).tap();
  await shown(sidebar(page));
  await fits(page);
  await link(page, /random/).tap();
  await shown(composerOf(page, "random"));
  await gone(sidebar(page));
  await page.goBack();
  await shown(composerOf(page, "general"));

  // The drawer is closed by going back, too.
  await page.getByRole("button", { name: /^Open the menu/ }).tap();
  await shown(sidebar(page));
  await page.goBack();
  await gone(sidebar(page));
  await shown(composerOf(page, "general"));

  await page.getByRole("button", { name: /^Members/ }).tap();
  const members = panel(page, "Members");
  await shown(members.getByText("Ben"));
  await gone(composerOf(page, "general"));
  await fits(page);
  await members.getByRole("button", { name: "Back to the conversation" }).tap();
  await shown(composerOf(page, "general"));

  await message(page, "Who comes along?").tap();
  await page.getByRole("toolbar").getByRole("button", { name: "Reply in thread" }).tap();
  const thread = panel(page, "Thread");
  await shown(thread.getByRole("textbox"));
  await fits(page);
  await page.goBack();
  await gone(thread);
  await page.getByRole("textbox").fill("I do"); // Enter begins a line on a phone
  await page.getByRole("button", { name: "Send" }).tap();
  await shown(message(page, "I do"));
  for (const path of ["/mentions", "/search", "/settings", `/g/${group.id}/admin`]) {
    await page.goto(path);
    await shown(page.getByRole("heading", { level: 1 }));
    await fits(page);
  }
}

/** Nothing is wider than the screen. */
async function fits(page) {
  await becomes(
    () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
    0,
    "the page scrolls sideways",
  );
}
