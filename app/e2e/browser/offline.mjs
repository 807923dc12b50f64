// What is written without a connection is sent later, once, also by a page that was loaded anew meanwhile.

import { composer, message, send, texts } from "./app.mjs";
import { becomes, equal, gone, shown } from "./expect.mjs";

export default async function offline(stage) {
  const ann = await stage.account("ann", "Ann");
  const ben = await stage.account("ben", "Ben");
  const group = await ann.group("Friends", ben);
  const hers = await stage.enter(ann, group.path);
  const his = await stage.enter(ben, group.path);
  hers.watch.expectOutage();

  await hers.context().setOffline(true);
  await shown(hers.getByText("No connection"));
  await send(hers, "written offline 1");
  await send(hers, "written offline 2");
  await shown(message(hers, "written offline 1").getByTitle("Sending"));
  await send(his, "meanwhile");
  await hers.context().setOffline(false);
  await shown(message(his, "written offline 2"), message(hers, "meanwhile"));
  await gone(hers.getByText("No connection"), hers.getByTitle("Sending"));

  // Her page is gone before she is back: the server answers, but takes no messages.
  await hers.route("**/messages", (route) => (route.request().method() === "POST" ? route.abort() : route.continue()));
  await send(hers, "written offline 3");
  await shown(message(hers, "written offline 3").getByTitle("Sending"));
  await hers.reload();
  await shown(message(hers, "written offline 3").getByTitle("Sending"));
  await composer(hers).fill("a draft");
  await hers.unroute("**/messages");
  await shown(message(his, "written offline 3"));
  await gone(hers.getByTitle("Sending"));

  // Connections are cut in the middle of what they carry; on a slow machine before they have become WebSockets.
  his.watch.expectOutage();
  const sent = [];
  for (let i = 0; i < 9; i++) {
    if (i % 3 === 1) await stage.cut();
    sent.push(`cut ${i}`);
    await send(hers, `cut ${i}`);
  }
  for (const page of [hers, his]) await becomes(() => texts(page, /cut \d/), sent, "once, and in order");
  await becomes(async () => (await ann.history(group.general)).length, 4 + sent.length, "kept");
  equal(await texts(his, /written offline \d/), [1, 2, 3].map((i) => `written offline ${i}`));
}
