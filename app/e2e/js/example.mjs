// The clients of docs/examples, driven by examples_test.go: each line of standard input is a command in JSON, {id, do, …}, and is
// answered by a line {id, result} or {id, error} on standard output, not necessarily in order.

import { createInterface } from "node:readline";
import { Parley } from "./parley.mjs";

const clients = {};
const looks = new Set(); // at something that is waited for

/** Waits until something holds; it is looked at after each change of a client. */
function until(holds) {
  return new Promise((resolve) => {
    const look = () => {
      if (!holds()) return;
      looks.delete(look);
      resolve();
    };
    looks.add(look);
    look();
  });
}

const commands = {
  async signIn({ name, url, username, password }) {
    const client = (clients[name] = new Parley(url, () => looks.forEach((look) => look())));
    await client.signIn(username, password);
    client.ends = 0;
    client.socket.on("disconnect", () => client.ends++);
  },
  /** Sends messages until stop, as fast as they are accepted. */
  talk({ name, channel }) {
    const client = clients[name];
    client.talk = (async () => {
      for (client.sent = 0; !client.enough; client.sent++) await client.send(channel, `${name} ${client.sent}`);
    })();
  },
  async stop({ name }) {
    clients[name].enough = true;
    await clients[name].talk;
    return clients[name].sent;
  },
  /** Sends one message; answers before it is accepted. */
  say({ name, channel, content }) {
    clients[name].send(channel, content);
  },
  read: ({ name, channel }) => clients[name].read(channel),
  /** Waits until a client has a channel up to a message and, when settled, nothing of its own waits to be confirmed. */
  has: ({ name, channel, seq, settled }) => until(() => {
    const c = clients[name].channels.get(channel);
    return c?.seq >= seq && !(settled && c.waiting.size);
  }),
  /** Waits until somebody's receipts have come. */
  told: ({ name, channel, user, status, seq }) => until(() => clients[name].channels.get(channel)?.receipts.get(user)?.[status] >= seq),
  unread: ({ name, channel, count }) => until(() => clients[name].channels.get(channel)?.unread === count),
  /** Answers with everything that was ever said in a channel. */
  async all({ name, channel }) {
    while (clients[name].channels.get(channel).messages[0]?.seq > 1) await clients[name].older(channel);
    return clients[name].channels.get(channel).messages;
  },
  report({ name, channel }) {
    const { token, ends, problem } = clients[name];
    const { seq, lastSeq, readSeq, unread, waiting } = clients[name].channels.get(channel) ?? {};
    return { token, ends, problem: String(problem ?? ""), seq, lastSeq, readSeq, unread, waiting: [...(waiting?.values() ?? [])] };
  },
};

const answer = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const { id, do: command, ...args } = JSON.parse(line);
  Promise.resolve()
    .then(() => commands[command](args))
    .then((result) => answer({ id, result }))
    .catch((error) => answer({ id, error: String(error?.stack ?? error) }));
}
process.exit(0);
