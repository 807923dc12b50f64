// Two people talk: what one does, the other sees at once.

import { act, choose, composer, go, link, message, panel, receipt, send } from "./app.mjs";
import { gone, shown } from "./expect.mjs";

export default async function conversation(stage) {
  const ann = await stage.account("ann", "Ann");
  const ben = await stage.account("ben", "Ben");
  const group = await ann.group("Friends", ben);
  const random = await ann.channel(group, "random");

  const hers = await stage.enter(ann, group.path);
  await sendsSlowly(hers);

  // He is there, but looks elsewhere.
  const his = await stage.enter(ben, `/g/${group.id}/c/${random.id}`);
  await shown(receipt(message(hers, "Hello Ben!"), /^Delivered/), link(his, /general.*1 unread/i));
  await send(hers, "Are you there, @ben?");
  await shown(link(his, /general.*1 mention/i));
  await go(his, "general");
  await shown(message(his, "Hello Ben!"), message(his, "Are you there, @Ben?").or(message(his, "Are you there, @ben?")));
  await shown(receipt(message(hers, "Are you there"), /^Read/));
  await gone(link(his, /general.*(unread|mention)/i));

  await composer(his).pressSequentially("Yes");
  await shown(hers.getByText("Ben is writing"));
  await composer(his).press("Enter");
  await shown(message(hers, "Yes"));
  await gone(hers.getByText("Ben is writing"));

  await reactions(hers, his);
  await changes(hers, his);
  await threads(hers, his);
  await pins(hers, his);
}

/** A message of hers is shown before the server has it, and says how far it has got. */
async function sendsSlowly(hers) {
  let letGo;
  const held = new Promise((resolve) => { letGo = resolve; });
  await hers.route("**/messages", async (route) => {
    if (route.request().method() === "POST") await held;
    await route.continue();
  });
  await send(hers, "Hello Ben!");
  const row = message(hers, "Hello Ben!");
  await shown(receipt(row, "Sending"));
  letGo();
  await shown(receipt(row, "Sent"));
  await hers.unroute("**/messages");
}

async function reactions(hers, his) {
  await message(hers, "Yes").hover();
  await hers.getByRole("toolbar").getByRole("button", { name: "React with 👍" }).click();
  const thumb = message(his, "Yes").getByRole("button", { name: /👍/ });
  await shown(thumb.and(his.getByRole("button", { pressed: false })));
  await thumb.click();
  await shown(message(hers, "Yes").getByRole("button", { name: /👍.*2/ }));
  await thumb.click();
  await shown(message(hers, "Yes").getByRole("button", { name: /👍.*1/ }));
}

async function changes(hers, his) {
  await send(hers, "A mistaek");
  await shown(message(his, "A mistaek"));
  await act(hers, "A mistaek", "Edit");
  const editor = hers.getByRole("textbox", { name: "Edit message" });
  await editor.fill("A mistake");
  await editor.press("Enter");
  await shown(message(his, "A mistake"), message(his, "A mistake").getByText("(edited)"));
  await gone(message(his, "A mistaek"));

  await choose(hers, "A mistake", "Delete");
  await hers.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await gone(message(his, "A mistake"), message(hers, "A mistake"));
  await shown(message(his, "This message was deleted"));
}

async function threads(hers, his) {
  await send(his, "Where do we meet?");
  await act(hers, "Where do we meet?", "Reply");
  await send(hers, "At the bridge");
  await shown(message(his, "At the bridge").getByRole("button", { name: /Where do we meet/ }));
  await act(his, "Where do we meet?", "Reply in thread");
  const thread = panel(his, "Thread");
  await shown(thread.getByText("At the bridge"));
  await thread.getByRole("textbox").fill("Fine");
  await thread.getByRole("textbox").press("Enter");
  await shown(thread.getByRole("article").filter({ hasText: "Fine" }), message(hers, "Fine"));
  await shown(message(hers, "Where do we meet?").getByRole("button", { name: /2 replies/ }));
  await thread.getByRole("button", { name: "Close" }).click();
  await gone(thread);
}

async function pins(hers, his) {
  await choose(hers, "Where do we meet?", "Pin");
  await shown(message(his, "Where do we meet?").getByText("Pinned by Ann"));
  await his.getByRole("button", { name: "Pinned messages" }).click();
  await shown(panel(his, "Pinned messages").getByText("Where do we meet?"));
}
