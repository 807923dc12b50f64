// A small client of Parley, to copy and change: it shows what is sent at once, keeps each channel complete and in order whatever
// happens to the connection, and tells how far messages are delivered and read. For Node.js 20 and newer, and for browsers.

import { io } from "socket.io-client";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Parley {
  channels = new Map(); // by id: what GET /groups says of it, and messages, seq, waiting, receipts

  /** changed is called with a channel when there is something new to show of it. */
  constructor(url, changed = () => {}) {
    Object.assign(this, { url, changed });
  }

  /** Asks until there is an answer. Everything that this client asks for may be done twice. */
  async ask(method, path, body) {
    for (let wait = 250; !this.closed; wait = Math.min(2 * wait, 10_000)) {
      const { status, header, answer } = await this.#askOnce(method, path, body);
      if (status >= 200 && status < 300) return answer;
      if (status === 401 && answer.code === "token_expired") await this.refresh();
      else if (![0, 429, 502, 503, 504].includes(status)) throw Object.assign(new Error(answer.detail ?? answer.title), answer);
      else await pause((header.get("Retry-After") * 1000 || wait) * (1 + Math.random()));
    }
    throw new Error("closed");
  }

  async #askOnce(method, path, body) {
    try {
      const response = await fetch(`${this.url}/api/v1${path}`, {
        method,
        headers: { "Content-Type": "application/json", ...(this.token && { Authorization: `Bearer ${this.token}` }) },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(10_000),
      });
      const text = await response.text();
      return { status: response.status, header: response.headers, answer: text && JSON.parse(text) };
    } catch {
      return { status: 0, header: new Headers() }; // nobody there, or no whole answer: it may have been done, or not
    }
  }

  // --- Signing in ---

  /** Signs in, connects, and returns when all channels are there. */
  async signIn(username, password) {
    this.#enter(await this.ask("POST", "/auth/login", { username, password }));
    await this.#connect();
  }

  /** Gets a new access token. A refresh token works once, so whoever asks meanwhile waits for the same answer. */
  refresh() {
    this.refreshing ??= this.ask("POST", "/auth/refresh", { refreshToken: this.refreshToken })
      .then((session) => this.#enter(session))
      .finally(() => { this.refreshing = null; });
    return this.refreshing;
  }

  #enter({ user, accessToken, refreshToken, expiresAt }) {
    Object.assign(this, { me: user, token: accessToken, refreshToken });
    if (this.socket?.connected) this.socket.emit("AUTH", { token: accessToken });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#again(), Math.min(0.8 * (Date.parse(expiresAt) - Date.now()), 2 ** 31 - 1));
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket?.disconnect();
  }

  // --- The connection ---

  #connect() {
    const socket = this.socket = io(this.url, { auth: (give) => give({ token: this.token }) });
    socket.on("connect_error", () => { if (!socket.active) this.#again(); }); // refused; of other troubles the library takes care
    socket.on("disconnect", (reason) => { if (reason === "io server disconnect") this.#again(); });
    socket.on("DRAIN", ({ reconnectInMs }) => {
      socket.disconnect();
      setTimeout(() => { if (!this.closed) socket.connect(); }, reconnectInMs);
    });
    for (const event of ["RESYNC", "GROUP_JOINED", "GROUP_LEFT", "GROUP_DELETED", "CHANNEL_CREATED", "CHANNEL_UPDATED", "CHANNEL_DELETED"]) {
      socket.on(event, () => this.catchUp());
    }
    const on = (event, handle) => socket.on(event, (payload) => (this.held ? this.held.push(() => handle(payload)) : handle(payload)));
    on("GROUP_MESSAGE_SENT", (message) => this.#take(message));
    on("GROUP_MESSAGE_RECEIVE", (message) => this.#take(message));
    on("GROUP_MESSAGE_UPDATED", (message) => this.#change(message, (old) => ({ ...old, mentions: undefined, ...message })));
    on("GROUP_MESSAGE_DELETED", ({ deletedBy, ...gone }) => this.#change(gone, (old) => ({ ...old, ...noContent, ...gone })));
    on("GROUP_MESSAGE_FAILED", ({ channelId, hash, detail }) => this.#fail(channelId, hash, detail));
    on("GROUP_MESSAGE_STATUS", (status) => this.#status(status));
    on("READ_CURSOR", ({ channelId, readSeq, unread }) => this.#show(channelId, { readSeq, unread }));
    return new Promise((ready, failed) => {
      this.failed = failed;
      socket.on("SUBSCRIBED", () => this.catchUp().then(ready));
    });
  }

  /** Goes on with a fresh token, if there is one to be had. */
  async #again() {
    try {
      await this.refresh();
      if (!this.socket.active) this.socket.connect();
    } catch (error) {
      this.problem = error; // signed out, or disabled
      this.failed(error);
      this.close();
    }
  }

  // --- Catching up ---

  /** Does one thing after the other, while events wait: what is fetched is older than what they say. */
  #alone(job) {
    return this.last = Promise.resolve(this.last).catch(() => {}).then(async () => {
      const held = this.held = [];
      try {
        return await job();
      } finally {
        this.held = null;
        held.forEach((handle) => handle());
      }
    });
  }

  /** Fetches everything that was missed. */
  catchUp() {
    this.catching ??= this.#alone(() => {
      this.catching = null;
      return this.#sync();
    }).catch((error) => { this.problem = error; });
    return this.catching;
  }

  async #sync() {
    const requests = about([...this.channels.values()]);
    requests[0] = { channels: {}, ...requests[0], more: false, since: this.since };
    while (requests.length) {
      const answer = await this.ask("POST", "/sync", requests.shift());
      this.since = answer.token ?? this.since;
      if (answer.groups) this.#list(answer.groups.flatMap((group) => group.channels));
      for (const [id, missed] of Object.entries(answer.channels)) this.#missed(this.channels.get(Number(id)), missed);
      requests.push(...(answer.next ? [answer.next] : this.#begin()));
    }
  }

  /** Takes over which channels there are. */
  #list(channels) {
    for (const id of this.channels.keys()) {
      if (!channels.some((c) => c.id === id)) this.channels.delete(id);
    }
    for (const c of channels) {
      this.channels.set(c.id, Object.assign(this.channels.get(c.id) ?? { messages: [], waiting: new Map(), receipts: new Map() }, c));
    }
  }

  /** Asks for the latest messages of channels that are new here. */
  #begin() {
    const fresh = [...this.channels.values()].filter((c) => c.seq === undefined);
    for (const c of fresh) c.seq = Math.max(0, c.lastSeq - 50);
    return about(fresh);
  }

  #missed(c, { messages, changes, reset, lastSeq, readSeq, unread }) {
    Object.assign(c, { lastSeq, readSeq, unread });
    if (reset) return Object.assign(c, { messages: [], seq: undefined }); // the database was set back: begin anew
    for (const message of changes) this.#change(message, () => message);
    for (const message of messages) this.#take(message);
    this.#report("MESSAGE_READ", c); // if the last report did not get through
    this.changed(c);
  }

  // --- Messages ---

  /** Takes a message if it is the next one of its channel. */
  #take(message) {
    const c = this.channels.get(message.channelId);
    if (!c) return; // it comes with the channel
    const mine = message.senderId === this.me.id;
    if (mine) c.waiting.delete(message.hash); // it is no longer temporary
    if (message.seq <= c.seq) return; // a repeat
    if (message.seq > c.seq + 1) return this.catchUp(); // some are missing in between
    c.seq = message.seq;
    c.messages.push(message);
    if (c.seq > c.lastSeq) { // else unread takes it in already
      c.lastSeq = c.seq;
      if (!mine) c.unread++;
    }
    if (!mine) this.#report("MESSAGE_DELIVERED", c, c.seq);
    this.changed(c, message);
  }

  /** Changes a message that is here. */
  #change({ channelId, seq }, how) {
    const c = this.channels.get(channelId);
    const at = seq - c?.messages[0]?.seq;
    if (c?.messages[at]) this.changed(c, (c.messages[at] = how(c.messages[at])));
  }

  /** Fetches what was said before what is known of a channel; says whether there is still more. */
  older(id) {
    return this.#alone(async () => {
      const c = this.channels.get(id);
      const { messages, hasMore } = await this.ask("GET", `${path(c)}/messages?before=${c.messages[0]?.seq ?? c.seq + 1}&limit=100`);
      c.messages.unshift(...messages);
      return hasMore;
    });
  }

  // --- Sending ---

  /** Shows a message at once, and sends it until it is accepted: in each channel one after the other. */
  send(id, content) {
    const c = this.channels.get(id);
    const hash = crypto.randomUUID();
    c.waiting.set(hash, { hash, channelId: id, senderId: this.me.id, content, state: "sending" });
    this.changed(c);
    c.sending = Promise.resolve(c.sending)
      .then(() => this.ask("POST", `${path(c)}/messages`, { content, hash }))
      .catch((error) => this.#fail(id, hash, error.message));
    return c.sending;
  }

  #fail(id, hash, why) {
    const c = this.channels.get(id);
    const message = c?.waiting.get(hash);
    if (message) this.changed(c, Object.assign(message, { state: "failed", why }));
  }

  // --- Receipts ---

  /** Everything in a channel has been seen. */
  read(id) {
    const c = this.channels.get(id);
    this.#report("MESSAGE_READ", c, c.seq);
  }

  /** Reports how far a channel is delivered, or read. The highest seq is enough, and what comes meanwhile goes with the next report. */
  async #report(event, c, wanted) {
    const report = (c[event] ??= { seq: c.readSeq });
    report.wanted = wanted ?? report.wanted;
    if (report.busy) return;
    report.busy = true;
    while (report.wanted > report.seq) {
      const seq = report.wanted;
      const answer = await this.socket.timeout(10_000).emitWithAck(event, { channelId: c.id, seq }).catch(() => null);
      if (!answer?.ok) break; // the next one says it, too
      report.seq = seq;
    }
    report.busy = false;
  }

  /** Others have got messages of ours, or read them. In large groups it says how many: count. */
  #status({ channelId, status, upToSeq, userId, users = userId ? [{ userId, upToSeq }] : [] }) {
    const c = this.channels.get(channelId);
    if (!c) return;
    for (const { userId, upToSeq } of users) {
      const before = c.receipts.get(userId);
      c.receipts.set(userId, { ...before, [status]: Math.max(upToSeq, before?.[status] ?? 0) });
    }
    this.changed(c);
  }

  #show(id, fields) {
    const c = this.channels.get(id);
    if (c) this.changed(Object.assign(c, fields));
  }
}

/** Requests for what was missed in channels, 500 in each. */
function about(channels) {
  const requests = [];
  for (let i = 0; i < channels.length; i += 500) {
    requests.push({ channels: Object.fromEntries(channels.slice(i, i + 500).map((c) => [c.id, c.seq])), more: true });
  }
  return requests;
}

const noContent = { content: "", editedAt: undefined, mentions: undefined, reactions: undefined, pinnedAt: undefined, pinnedBy: undefined };
const path = ({ groupId, id }) => `/groups/${groupId}/channels/${id}`;
