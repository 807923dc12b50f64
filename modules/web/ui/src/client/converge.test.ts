import { expect, test, vi } from "vitest";

import type { Parley, Place } from "./parley.js";
import type { ChannelMessage } from "./types.js";
import type { FakeServer } from "./testing/server.js";
import { Browser, pass, scene, shown, signedIn } from "./testing/scene.js";

/** Random numbers that a seed decides. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const channels = [11, 12, 21];
const emoji = ["👍", "🎉", "❤️"];
const steps = 250;
/** How many different courses are tried: more with SEEDS=300, say, for whoever has changed how the client catches up. */
const seeds = Array.from({ length: Number(process.env.SEEDS ?? 6) }, (_, i) => i + 1);

/** Clients in a world in which everything happens that may happen, at random. */
class Storm {
  readonly server: FakeServer;
  readonly clients: { parley: Parley; id: number; sent: { place: Place; hash: string }[] }[] = [];
  readonly #random: () => number;
  /** Sockets that hear nothing more, until they end or are told so. */
  readonly #deaf = new Set<unknown>();
  #calm = false;
  #texts = 0;

  constructor(server: FakeServer, random: () => number) {
    this.server = server;
    this.#random = random;
    server.addGroup(20, "Kitchen", [3, 2, 1], [21]);
    server.most = 7;
    server.fault = (method, path) => this.#fault(method, path);
    server.eventFault = (event, _payload, socket) => {
      if (this.#deaf.has(socket)) return "lost";
      if (this.#calm) return undefined;
      if (event.startsWith("GROUP_MESSAGE_") && this.#maybe(0.1)) return "twice";
      return /_(SENT|RECEIVE)$/.test(event) && this.#maybe(0.1) ? "lost" : undefined;
    };
  }

  async begin(): Promise<void> {
    for (const [i, name] of ["ann", "ben"].entries()) {
      this.clients.push({ parley: await signedIn(this.server, name, new Browser(this.server)), id: i + 1, sent: [] });
    }
  }

  async step(): Promise<void> {
    const acts = [
      this.#post, this.#post, this.#post, this.#send, this.#send, this.#change, this.#change, this.#change, this.#look, this.#look, this.#read, this.#personal,
      this.#disturb,
    ];
    this.#pick(acts).call(this);
    this.server.latency = Math.floor(this.#random() * 40);
    await pass(Math.floor(this.#random() * 60));
  }

  /** Everything goes well from now on; connections are made anew, so that everybody has the chance to hear of everything. */
  async calm(): Promise<void> {
    this.#calm = true;
    this.server.down = false;
    for (const id of [1, 2]) if (!this.server.groups.get(20)!.members.has(id)) this.server.join(20, id);
    await pass(40_000);
    this.server.cut();
    await pass(60_000);
  }

  #post(): void {
    const answered = this.#maybe(0.4) ? this.#some() : undefined;
    const channel = answered?.channelId ?? this.#pick(channels);
    const text = `${++this.#texts}${this.#maybe(0.2) ? " @ann" : ""}`;
    this.server.post(channel, 3, text, answered && !answered.deletedAt ? { replyTo: answered.messageId } : {});
  }

  #send(): void {
    const client = this.#pick(this.clients);
    const place: Place = this.#maybe(0.2) ? { kind: "direct", id: 3 } : { kind: "channel", id: this.#pick([11, 12]) };
    client.sent.push({ place, hash: client.parley.send(place, `from ${client.id}: ${++this.#texts}`) });
  }

  #change(): void {
    const message = this.#some();
    if (!message || message.deletedAt) return;
    const { channelId, seq, senderId } = message;
    if (this.#maybe(0.3)) this.server.edit(channelId, seq, `edited ${++this.#texts}${this.#maybe(0.3) ? " @ben" : ""}`);
    else if (this.#maybe(0.2)) this.server.remove(channelId, seq, senderId);
    else this.server.react(channelId, seq, this.#pick([1, 2, 3]), this.#pick(emoji), this.#maybe(0.7));
  }

  #look(): void {
    const { parley } = this.#pick(this.clients);
    const place: Place = this.#maybe(0.2) ? { kind: "direct", id: 3 } : { kind: "channel", id: this.#pick(channels) };
    const last = parley.conversation(place).lastSeq;
    const looks = [
      () => parley.open(place), () => parley.older(place), () => parley.newer(place), () => parley.jumpToNewest(place),
      () => parley.jumpTo(place, 1 + Math.floor(this.#random() * last)),
    ];
    this.#pick(looks)().catch(() => undefined); // it may be gone
  }

  #read(): void {
    const { parley } = this.#pick(this.clients);
    const place: Place = { kind: "channel", id: this.#pick(channels) };
    parley.markRead(place, Math.floor(this.#random() * (parley.conversation(place).lastSeq + 1)));
  }

  #personal(): void {
    this.server.personal(3, this.#pick([1, 2]), `personal ${++this.#texts}`);
  }

  #disturb(): void {
    const { server } = this;
    const sockets = [...server.sockets];
    const what = this.#random();
    if (what < 0.25) sockets.forEach((s) => this.#maybe(0.5) && s.end("transport close"));
    else if (what < 0.35) sockets.forEach((s) => s.hear("DRAIN", { reconnectInMs: 300 }));
    else if (what < 0.5) server.down = !server.down;
    else if (what < 0.6) server.expireTokens();
    else if (what < 0.8) this.#lose(sockets);
    else {
      const id = this.#pick([1, 2]);
      if (server.groups.get(20)!.members.has(id)) server.leave(20, id, "removed");
      else server.join(20, id);
    }
    if (server.down) server.cut();
  }

  /** Some hear nothing for a while; then the server says that they may have missed something. */
  #lose(sockets: FakeServer["sockets"] extends Set<infer S> ? S[] : never): void {
    for (const socket of sockets.filter(() => this.#maybe(0.5))) {
      this.#deaf.add(socket);
      setTimeout(() => {
        this.#deaf.delete(socket);
        socket.hear("RESYNC", { reason: "overflow" });
      }, 100);
    }
  }

  #fault(method: string, path: string): "lost" | "unanswered" | undefined {
    // That an answer to it is lost ends a sign-in, which another test is about.
    if (this.#calm || path.startsWith("/auth/") || method === "DELETE") return undefined;
    return this.#maybe(0.05) ? "lost" : this.#maybe(0.05) ? "unanswered" : undefined;
  }

  #some(): ChannelMessage | undefined {
    const { messages } = this.server.channel(this.#pick(channels));
    return messages[Math.floor(this.#random() * messages.length)];
  }

  #maybe(probability: number): boolean {
    return this.#random() < probability;
  }

  #pick<T>(all: readonly T[]): T {
    return all[Math.floor(this.#random() * all.length)]!;
  }
}

test.each(seeds)("whatever happens, clients end up with what the server has (seed %i)", { timeout: 60_000 }, async (seed) => {
  const random = chance(seed);
  const server = scene();
  vi.spyOn(Math, "random").mockImplementation(random);
  const storm = new Storm(server, random);
  await storm.begin();
  for (let i = 0; i < steps; i++) await storm.step();
  await storm.calm();

  for (const { parley, id, sent } of storm.clients) {
    expect(parley.connection).toBe("ready");
    expect(parley.groups).toEqual(server.groupsFor(id));
    expect(parley.chats).toEqual(server.chatsFor(id));
    for (const channelId of channels) expectSame(parley, { kind: "channel", id: channelId }, server.history(channelId, id));
    expectSame(parley, { kind: "direct", id: 3 }, server.chat(id, 3).messages);
    for (const place of [11, 12].map((c): Place => ({ kind: "channel", id: c }))) {
      const hashes = server.channel(place.id).messages.filter((m) => m.senderId === id).map((m) => m.hash);
      expect(hashes).toEqual(sent.filter((s) => s.place.kind === "channel" && s.place.id === place.id).map((s) => s.hash));
    }
    const direct = server.chat(id, 3).messages.filter((m) => m.senderId === id).map((m) => m.hash);
    expect(direct).toEqual(sent.filter((s) => s.place.kind === "direct").map((s) => s.hash));
  }
});

/** What a client shows of a place is a part of what there is, and its newest part if it says so. */
function expectSame(parley: Parley, place: Place, all: readonly { seq: number }[]): void {
  const { segment, pending, loaded, lastSeq } = parley.conversation(place);
  expect(pending).toEqual([]);
  expect(lastSeq).toBe(all.length);
  if (!loaded) return;
  const first = shown(parley, place)[0]?.seq ?? 1;
  expect(segment.messages).toEqual(all.slice(first - 1, first - 1 + segment.messages.length));
  if (!segment.hasNewer) expect(segment.messages.at(-1)?.seq ?? 0).toBe(all.length);
}
