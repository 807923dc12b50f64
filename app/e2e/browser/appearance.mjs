// Light and dark, by the system and by choice; English and German, with their dates.

import { link, message } from "./app.mjs";
import { becomes, equal, shown } from "./expect.mjs";

export default async function appearance(stage) {
  const ann = await stage.account("ann", "Ann");
  const group = await ann.group("Friends");
  await ann.say(group.general, "Hello");
  const page = await stage.enter(ann, group.path, { colorScheme: "light" });
  await shown(message(page, "Hello"));

  const dark = () => page.evaluate(() => {
    const [red, green, blue] = getComputedStyle(document.body).color.match(/\d+/g).map(Number);
    return red + green + blue > 3 * 128; // the letters are light
  });
  equal(await dark(), false);
  await page.emulateMedia({ colorScheme: "dark" });
  await becomes(dark, true, "dark as the system");

  await page.goto("/settings/appearance");
  await pick(page, "Theme", "Light");
  await becomes(dark, false, "light by choice");
  await page.reload();
  await shown(page.getByRole("heading", { name: "Settings" }));
  equal(await dark(), false, "the choice is kept");
  await page.emulateMedia({ colorScheme: "light" });
  await pick(page, "Theme", "Dark");
  await becomes(dark, true, "dark by choice");

  await page.goto(group.path);
  await shown(page.getByRole("log").getByText("Today"));
  await page.goto("/settings/appearance");
  await pick(page, "Language", "Deutsch");
  await shown(page.getByRole("heading", { name: "Einstellungen" }));
  equal(await page.evaluate(() => document.documentElement.lang), "de");
  await link(page, /general/).click();
  await shown(page.getByRole("log").getByText("Heute"), page.getByRole("textbox", { name: "Nachricht an #general" }));
}

/** Chooses one of several. */
const pick = (page, what, which) => page.getByRole("group", { name: what }).getByText(which, { exact: true }).click();
