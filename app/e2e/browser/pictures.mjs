// The pictures of the documentation, of what `parley serve --demo` has in it.

import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { act, go, goToNewest, list, signIn } from "./app.mjs";
import { check, shown } from "./expect.mjs";

/** What a picture may take, in bytes. */
const most = 400_000;

const wide = { viewport: { width: 1120, height: 700 }, deviceScaleFactor: 2 };
const phone = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

export default async function pictures(stage) {
  const page = await enter(stage, wide);
  await go(page, "general");
  await goToNewest(page);
  await take(stage, page, "screenshot.png");

  await page.emulateMedia({ colorScheme: "dark" });
  await go(page, "garden");
  await goToNewest(page);
  await take(stage, page, "screenshots/dark.png");
  await page.emulateMedia({ colorScheme: "light" });

  await act(page, "Snails. Copper tape helps", "Reply in thread");
  await shown(page.getByRole("textbox", { name: "Reply in this thread" }), page.getByText("One day.").last());
  await take(stage, page, "screenshots/thread.png");

  await page.goto("/search?q=cake");
  await shown(page.getByText(/found/));
  await take(stage, page, "screenshots/search.png");

  const small = await enter(stage, phone);
  await small.getByRole("button", { name: /^Open the menu/ }).tap();
  await go(small, "general");
  await goToNewest(small);
  await take(stage, small, "screenshots/mobile.png");
}

async function enter(stage, options) {
  const page = await stage.browse("ann", options);
  await page.goto("/");
  await signIn(page, "ann", "parley-demo");
  await shown(list(page).getByRole("article"));
  return page;
}

/** Takes a picture once nothing moves, nothing is pointed at, and nothing is on its way. */
async function take(stage, page, name) {
  const path = join(stage.pictures, name);
  await page.mouse.move(0, 0);
  await page.waitForLoadState("networkidle");
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => undefined))));
  await mkdir(dirname(path), { recursive: true });
  await page.screenshot({ path });
  const { size } = await stat(path);
  check(size < most, `${name} takes ${size} bytes`);
}
