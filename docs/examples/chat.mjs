// A chat on the command line:  node chat.mjs http://127.0.0.1:8080 ann parley-demo
//
// What is typed is sent to the open channel; /list shows all of them, /open 3 goes to one, /older shows what was said before.

import { createInterface } from "node:readline";
import { Parley } from "./parley.mjs";

const [url, username, password] = process.argv.slice(2);
const names = new Map(); // of people, by id
let open = null; // the id of the channel that is shown

const parley = new Parley(url, (c, message) => {
  if (c.id !== open) return;
  if (message) show(message);
  for (const { content, state, why } of c.waiting.values()) if (state === "failed") console.log(`✗ ${content} (${why})`);
  if (message && message.senderId !== parley.me.id) parley.read(c.id);
});

function show({ senderId, content, seq, editedAt, deletedAt }) {
  console.log(`${seq} ${names.get(senderId) ?? senderId}: ${deletedAt ? "(deleted)" : content}${editedAt ? " (edited)" : ""}`);
}

async function openChannel(id) {
  const c = parley.channels.get(Number(id));
  if (!c) return console.log("There is no such channel.");
  const members = await parley.ask("GET", `/groups/${c.groupId}/members?limit=200`);
  for (const { user } of members) names.set(user.id, user.displayName);
  open = c.id;
  console.log(`# ${c.name}`);
  c.messages.forEach(show);
  parley.read(open);
}

const commands = {
  list: () => parley.channels.forEach((c) => console.log(`${c.id} ${c.name}${c.unread ? ` (${c.unread})` : ""}`)),
  open: openChannel,
  async older() {
    const c = parley.channels.get(open);
    const known = c.messages.length;
    await parley.older(open);
    c.messages.slice(0, c.messages.length - known).forEach(show);
  },
};

await parley.signIn(username, password);
await openChannel([...parley.channels.keys()][0]);
for await (const line of createInterface({ input: process.stdin })) {
  const [, command, argument] = line.match(/^\/(\w+) ?(.*)/) ?? [];
  if (command) await commands[command]?.(argument);
  else if (line) parley.send(open, line);
}
parley.close();
