// Servers are killed in mid-conversation. In the end everybody has everything, once and in order.

import { message, send, texts } from "./app.mjs";
import { becomes, gone, shown } from "./expect.mjs";

const said = /(before|during|after) [\w-]+ \w+ \d/;

/** All messages are in sight, so that none has to be scrolled to. */
const viewport = { width: 1280, height: 2400 };

export default async function outage(stage) {
  const ann = await stage.account("ann", "Ann");
  const ben = await stage.account("ben", "Ben");
  const group = await ann.group("Friends", ben);
  const hers = await stage.enter(ann, group.path, { viewport });
  const his = await stage.enter(ben, group.path, { viewport });
  let count = 0;

  /** Both write; each sees what they have written at once, whatever the servers do. */
  const talk = async (when) => {
    for (const i of [1, 2, 3]) {
      for (const [name, page] of [["ann", hers], ["ben", his]]) {
        const text = `${when} ${name} ${i}`;
        await send(page, text);
        await shown(message(page, text));
        count++;
      }
    }
  };

  for (const process of ["socket-1", "api"]) {
    for (const page of [hers, his]) page.watch.expectOutage();
    await talk(`before ${process}`);
    for (const page of [hers, his]) await becomes(async () => (await texts(page, said)).length, count, "heard before the crash");
    await stage.kill(process);
    await talk(`during ${process}`);
    if (stage.oneProcess) await Promise.all([hers, his].map((page) => shown(page.getByRole("status").filter({ hasText: "No connection" }))));
    await stage.restart(process);
    await talk(`after ${process}`);
    await becomes(async () => (await ann.history(group.general)).length, count, "kept");
    const history = (await ann.history(group.general)).map(({ content }) => content);
    for (const page of [hers, his]) {
      await becomes(() => texts(page, said), history, "nothing missing, nothing twice, in order");
      await gone(page.getByText(/No connection|Connecting|Catching up/), page.getByTitle("Sending"));
    }
  }
}
