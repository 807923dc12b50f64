// Official Socket.IO clients, driven by js_test.go: each line of standard input is a command in JSON, {id, do, …}, and is
// answered by a line {id, result} or {id, error} on standard output, not necessarily in order.
//
// A client here is as small as the documentation lets it be: it keeps what it hears, asks for what it missed by seq, and leaves
// connecting, upgrading and reconnecting to the library.

import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { io } from "socket.io-client";

/** Asks the API, insisting for as long as it is away or says that it is unavailable. */
async function ask({ api, path, token }, method, body) {
  for (;;) {
    let response, text;
    try {
      response = await fetch(`${api}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(5000),
      });
      text = await response.text();
    } catch {
      await pause(50); // nobody there; with the same hash, sending again is safe
      continue;
    }
    if (response.ok) return JSON.parse(text);
    if (response.status !== 503) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    await pause(50);
  }
}

/** One connection of one user, and what it knows of one channel. */
class Client {
  known = []; // the channel's messages, from seq 1 on without a gap
  heard = []; // for each connection, the seqs as they came
  transports = []; // for each connection, the names of its transports in turn
  beforeUpgrade = 0; // messages that came over the transport that was given up for another one
  events = {}; // how often each came
  payloads = {}; // the last one of each
  errors = [];
  ends = []; // why connections ended
  #waiting = new Set();
  #fetching = false;
  #again = false;

  constructor(options) {
    this.options = options;
    this.token = options.socketToken ?? options.token;
    this.socket = io(options.url + (options.namespace ?? ""), {
      auth: (give) => give(this.token === "" ? {} : { token: this.token }),
      forceNew: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 500,
      ...(options.transports && { transports: options.transports }),
    });
    this.socket.io.on("open", () => {
      const engine = this.socket.io.engine;
      const names = [engine.transport.name];
      engine.on("upgrade", (transport) => this.#change(() => {
        names.push(transport.name);
        this.beforeUpgrade += this.heard.at(-1)?.length ?? 0;
      }));
      this.transports.push(names);
    });
    this.socket.on("connect", () => this.heard.push([]));
    this.socket.on("connect_error", ({ message, data }) =>
      this.#change(() => this.errors.push({ message, data, active: this.socket.active })));
    this.socket.on("disconnect", (reason) =>
      this.#change(() => this.ends.push({ reason, active: this.socket.active })));
    this.socket.onAny((event, payload) => this.#change(() => this.#hear(event, payload)));
  }

  #hear(event, payload) {
    this.events[event] = (this.events[event] ?? 0) + 1;
    this.payloads[event] = payload;
    if (event === "SUBSCRIBED" || event === "RESYNC") this.#catchUp();
    if (event !== "GROUP_MESSAGE_SENT" && event !== "GROUP_MESSAGE_RECEIVE") return;
    this.heard.at(-1).push(payload.seq);
    this.#learn(payload);
    if (payload.seq > this.known.length) this.#catchUp();
  }

  #learn(message) {
    if (message.seq === this.known.length + 1) this.known.push(message);
  }

  /** Fetches what follows the last message that is known. */
  async #catchUp() {
    this.#again = true;
    if (this.#fetching || !this.options.path) return;
    this.#fetching = true;
    while (this.#again) {
      this.#again = false;
      const page = { ...this.options, path: `${this.options.path}?limit=200&after=${this.known.length}` };
      try {
        const { messages, hasMore } = await ask(page, "GET");
        messages.forEach((m) => this.#learn(m));
        this.#again ||= hasMore;
      } catch (error) {
        this.errors.push({ message: String(error) });
      }
      this.#change(() => {});
    }
    this.#fetching = false;
  }

  #change(how) {
    how();
    for (const look of [...this.#waiting]) look();
  }

  /** Waits until a condition holds. */
  until(holds) {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }
}

const clients = {};
const pours = {};

const commands = {
  /** Makes a client; answers when it is subscribed, or refused. */
  async connect({ name, ...options }) {
    const client = (clients[name] = new Client(options));
    await client.until(() => client.events.SUBSCRIBED || client.errors.length);
    return { error: client.errors[0] };
  },
  /** Has a refused client try again with another token. */
  async retry({ name, token }) {
    const client = clients[name];
    client.token = token;
    client.errors = [];
    client.socket.connect();
    await client.until(() => client.events.SUBSCRIBED || client.errors.length);
    return { error: client.errors[0] };
  },
  /** Sends messages one after the other until stop. */
  pour({ name, ...where }) {
    const pour = { go: true, count: 0 };
    pour.done = (async () => {
      for (; pour.go; pour.count++) {
        await ask(where, "POST", { content: `message ${pour.count} – ☺`, hash: `${name}_${pour.count}` });
      }
    })();
    pour.done.catch(() => {}); // stop reports it
    pours[name] = pour;
  },
  /** Answers how many messages a pour has sent so far. */
  poured: ({ name }) => pours[name].count,
  async stop({ name }) {
    pours[name].go = false;
    await pours[name].done;
    return pours[name].count;
  },
  /** Sends an event and answers with its acknowledgement. */
  emit: ({ name, event, payload }) => clients[name].socket.emitWithAck(event, payload),
  /** Waits until a client knows so many messages, has heard an event so often, ended so often, or has had so many transports. */
  async until({ name, known = 0, event, times = 1, ends = 0, transports = 0 }) {
    const c = clients[name];
    await c.until(() =>
      c.known.length >= known && (!event || c.events[event] >= times) && c.ends.length >= ends
      && (!transports || c.transports.at(-1)?.length >= transports));
  },
  report({ name }) {
    const { known, heard, transports, beforeUpgrade, events, payloads, errors, ends } = clients[name];
    return { known, heard, transports, beforeUpgrade, events, drain: payloads.DRAIN, errors, ends };
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
