// Messages of people who mean no good are shown as the text that they are.

import { message, send } from "./app.mjs";
import { equal, shown } from "./expect.mjs";

const attacks = [
  "<script>window.ran = 'a script'</script>",
  "<img src=x onerror=\"window.ran = 'a handler'\">",
  "<svg onload=\"window.ran = 'svg'\">",
  "[a link](javascript:window.ran='javascript')",
  "[another](JaVaScRiPt&colon;window.ran='entity') [data](data:text/html,<script>window.ran=1</script>)",
  "<a href=\"javascript:window.ran='html link'\">html link</a>",
  "![a picture](https://example.org/pixel.png)",
  "<iframe src=\"https://example.org\"></iframe> <style>* { display: none }</style>",
  "{{ constructor.constructor(\"window.ran = 'template'\")() }}",
  "**bold <b onclick=\"window.ran = 'in bold'\">text</b>**",
];

export default async function hostile(stage) {
  const ann = await stage.account("ann", "<b>Ann</b>");
  const eve = await stage.account("eve", "Eve<script>window.ran = 'name'</script>");
  const group = await ann.group("<i>Friends</i>", eve);
  for (const attack of attacks) await eve.say(group.general, attack);
  await ann.say(group.general, "The end");
  const page = await stage.enter(ann, group.path, { viewport: { width: 1280, height: 1600 } });
  await shown(message(page, "The end"));
  for (const text of ["<script>window.ran", "<img src=x", "<svg onload", "html link", "<iframe", "{{ constructor"]) await shown(message(page, text));

  const list = page.getByRole("log");
  equal(await list.locator("script, img, svg[onload], iframe, style, [onclick], [onerror]").count(), 0, "nothing but text");
  const addresses = await list.getByRole("link").evaluateAll((links) => links.map((link) => link.protocol));
  equal(addresses.filter((protocol) => !["http:", "https:", "mailto:"].includes(protocol)), [], "no link that is not one");
  for (const link of await list.getByRole("link").all()) {
    equal(await link.getAttribute("rel").then((rel) => /noopener/.test(rel)), true, "another site learns nothing");
  }
  await shown(page.getByText("<i>Friends</i>").first(), page.getByText("Eve<script>").first());

  await send(page, "<script>window.ran = 'my own'</script>");
  await shown(message(page, "my own"));
  equal(await page.evaluate(() => window.ran), undefined);
}
