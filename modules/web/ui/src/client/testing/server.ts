/**
 * A server in memory that speaks as much of Parley's API as the client needs, for tests: requests come through fetch, connections through a double
 * of io. It follows the rules of the API's documentation, and can be told to fail in all the ways in which networks and servers do.
 */
import type { SocketMaker } from "../connection.js";
import type { ChannelMessage, Id, Problem, User } from "../types.js";
import type { SyncRequest } from "../wire.js";

import { CatchingUp } from "./missed.js";
import { at } from "./people.js";
import { FakeSocket } from "./socket.js";
import type { ServerChannel, ServerGroup } from "./state.js";

interface SignedIn {
  user: User;
  /** The refresh token that is good; those before it are not. */
  refreshToken: string;
  used: Set<string>;
  ended: boolean;
}

/** An answer to a request. */
interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** What a test may do to a request: answer it in the server's place, lose it before ("lost") or after ("unanswered") it was carried out. */
export type Fault = (method: string, path: string) => Answer | "lost" | "unanswered" | undefined;

/** What a test may do to an event on its way to a connection: lose it, or have it come twice. */
export type EventFault = (event: string, payload: unknown, socket: FakeSocket) => "lost" | "twice" | undefined;

export interface RequestMade {
  method: string;
  path: string;
  body: unknown;
}

/** How long an access token is good, in milliseconds. */
export const tokenLife = 15 * 60_000;

export class FakeServer extends CatchingUp {
  readonly sockets = new Set<FakeSocket>();
  readonly requests: RequestMade[] = [];
  fault: Fault | undefined;
  eventFault: EventFault | undefined;
  /** No server is there: requests get no answer, connections break and are not made. */
  down = false;
  /** After how many milliseconds requests are answered, and accepted messages kept. */
  latency = 5;
  /** Events that clients have said, with whether they were acknowledged. */
  readonly said: { event: string; payload: unknown; user: Id }[] = [];
  /** Acknowledges nothing, as if the packets got lost. */
  deaf = false;

  readonly #sessions: SignedIn[] = [];
  readonly #tokens = new Map<string, { session: SignedIn; expires: number }>();

  /** Tells all connections of a user. */
  tell(userId: Id, event: string, payload: unknown): void {
    for (const socket of this.sockets) if (socket.user === userId) socket.hear(event, payload);
  }

  /** Ends a sign-in, as from another device. */
  revoke(userId: Id): void {
    for (const session of this.#sessions.filter((s) => s.user.id === userId)) session.ended = true;
    for (const socket of [...this.sockets]) if (socket.user === userId) socket.end("io server disconnect");
  }

  /** All access tokens expire. */
  expireTokens(): void {
    for (const token of this.#tokens.values()) token.expires = 0;
  }

  /** All connections break. */
  cut(): void {
    for (const socket of [...this.sockets]) socket.end("transport close");
  }

  // --- What clients are given ---

  readonly fetch: typeof fetch = (input, init = {}) => new Promise((resolve, reject) => {
    const method = init.method ?? "GET";
    const [, path = ""] = (input as string).split("/api/v1");
    const body: unknown = init.body ? JSON.parse(init.body as string) : undefined;
    this.requests.push({ method, path, body });
    init.signal?.addEventListener("abort", () => reject(new Error("aborted")));
    setTimeout(() => {
      const fault = this.down ? "lost" : this.fault?.(method, path);
      if (fault === "lost") { reject(new TypeError("fetch failed")); return; }
      const answer = typeof fault === "object" ? fault : this.#answer(method, path, body, new Headers(init.headers));
      setTimeout(() => {
        if (fault === "unanswered") { reject(new TypeError("fetch failed")); return; }
        const text = answer.body === undefined ? null : JSON.stringify(answer.body);
        resolve(new Response(answer.status === 204 ? null : text, { status: answer.status, headers: answer.headers ?? {} }));
      }, this.latency);
    }, 1);
  });

  readonly io: SocketMaker = (_url, options) => new FakeSocket(this, options.auth.token);

  /** The user of an access token, or why it is refused. */
  userOf(token: string): User | string {
    const known = this.#tokens.get(token);
    if (!known) return "token_invalid";
    return known.expires > Date.now() ? known.session.user : "token_expired";
  }

  /** Whether the sign-in of a token goes on. */
  good(token: string): boolean {
    return typeof this.userOf(token) !== "string" && !this.#tokens.get(token)!.session.ended;
  }

  acknowledge(user: User, event: string, payload: Record<string, unknown>): unknown {
    this.said.push({ event, payload, user: user.id });
    switch (event) {
      case "MESSAGE_READ":
      case "MESSAGE_DELIVERED":
        this.progress(user.id, event === "MESSAGE_READ" ? "READ" : "DELIVERED", payload as { channelId?: Id; userId?: Id; seq: number });
        return { ok: true };
      case "PRESENCE_SUBSCRIBE":
        return { ok: true, presences: (payload.userIds as Id[]).map((userId) => ({ userId, state: this.#online(userId) ? "online" : "offline" })) };
      case "AUTH":
        return { ok: this.good(payload.token as string) };
      default:
        return { ok: true };
    }
  }

  // --- Requests ---

  #answer(method: string, path: string, body: unknown, headers: Headers): Answer {
    const [route = "", search = ""] = path.split("?");
    const query = new URLSearchParams(search);
    if (route === "/server") return ok({ version: "fake", registration: "open", accounts: true, messageMaxLength: 4000, directAnyone: true });
    if (route === "/auth/login") return this.#login(body as { username: string; password: string });
    if (route === "/auth/refresh") return this.#refresh(body as { refreshToken: string });
    const user = this.userOf((headers.get("Authorization") ?? "").replace("Bearer ", ""));
    if (typeof user === "string") return refuse(401, user);
    if (route === "/auth/logout") {
      this.revoke(user.id);
      return { status: 204 };
    }
    if (route === "/sync") return ok(this.sync(user.id, body as SyncRequest));
    if (route === "/users") return ok((query.get("ids") ?? "").split(",").flatMap((id) => this.users.get(Number(id)) ?? []));
    const parts = route.split("/").slice(1).map((part) => decodeURIComponent(part));
    if (route === "/direct") {
      return ok(this.chatsFor(user.id).filter((c) => c.lastMessage.messageId < Number(query.get("before") ?? Infinity)).slice(0, 100));
    }
    if (parts[0] === "direct") return this.#direct(method, user, Number(parts[1]), query, body as Sent);
    if (parts[0] === "groups") return this.#inGroup(method, user, parts, query, body);
    return refuse(404, "not_found");
  }

  #login({ username, password }: { username: string; password: string }): Answer {
    const user = [...this.users.values()].find((u) => u.username === username);
    if (!user || password !== "password") return refuse(401, "invalid_credentials", "The username or the password is wrong.");
    const session: SignedIn = { user, refreshToken: "", used: new Set(), ended: false };
    this.#sessions.push(session);
    return ok(this.#renewed(session));
  }

  #refresh({ refreshToken }: { refreshToken: string }): Answer {
    const reused = this.#sessions.find((s) => s.used.has(refreshToken));
    if (reused) {
      reused.ended = true;
      return refuse(401, "token_reused", "This sign-in was used twice. Sign in again.");
    }
    const session = this.#sessions.find((s) => s.refreshToken === refreshToken && !s.ended);
    return session ? ok(this.#renewed(session)) : refuse(401, "refresh_token_invalid", "You are signed out. Sign in again.");
  }

  #renewed(session: SignedIn): unknown {
    if (session.refreshToken) session.used.add(session.refreshToken);
    session.refreshToken = `refresh-${++this.ids}`;
    const accessToken = `access-${++this.ids}`;
    const expires = Date.now() + tokenLife;
    this.#tokens.set(accessToken, { session, expires });
    return { user: session.user, accessToken, refreshToken: session.refreshToken, expiresAt: new Date(expires).toISOString() };
  }

  #inGroup(method: string, user: User, parts: string[], query: URLSearchParams, body: unknown): Answer {
    const group = this.groups.get(Number(parts[1]));
    if (!group?.members.has(user.id)) return refuse(404, "group_not_found");
    if (parts[2] === "members") return this.#membersPage(group, query);
    const channel = group.channels.get(Number(parts[3]));
    if (!channel) return refuse(404, "channel_not_found");
    if (parts.length === 5) return method === "POST" ? this.#send(channel, user, body as Sent) : ok(page(this.history(channel.id, user.id), query));
    const message = channel.messages.find((m) => m.messageId === Number(parts[5]));
    if (!message) return refuse(404, "message_not_found");
    if (parts[6] === "recipients") return ok({ recipients: this.#recipients(channel, message) });
    if (parts[6] === "reactions") {
      if (message.deletedAt) return refuse(409, "message_deleted");
      this.react(channel.id, message.seq, user.id, parts[7]!, method === "PUT");
      return ok({ emoji: parts[7], count: 1, mine: true, userIds: [] });
    }
    if (method === "PATCH") return ok(this.edit(channel.id, message.seq, (body as Sent).content));
    this.remove(channel.id, message.seq, user.id);
    return { status: 204 };
  }

  #send(channel: ServerChannel, user: User, { content, hash, replyTo }: Sent): Answer {
    if (!content.trim()) return refuse(400, "validation_failed", "The message is empty.");
    setTimeout(() => {
      const known = channel.messages.find((m) => m.senderId === user.id && m.hash === hash);
      if (known) { this.tell(user.id, "GROUP_MESSAGE_SENT", known); return; }
      if (!this.theGroup(channel.groupId).members.has(user.id)) {
        this.tell(user.id, "GROUP_MESSAGE_FAILED", { hash, channelId: channel.id, code: "not_a_member", detail: "You are not a member any more." }); return;
      }
      this.post(channel.id, user.id, content, { hash, ...(replyTo === undefined ? {} : { replyTo }) });
    }, this.latency);
    return { status: 202, body: { hash, channelId: channel.id, acceptedAt: at(0) } };
  }

  #direct(method: string, user: User, other: Id, query: URLSearchParams, sent: Sent): Answer {
    if (method === "GET") return ok(page(this.chat(user.id, other).messages, query));
    const { content, hash } = sent;
    setTimeout(() => {
      const known = this.chat(user.id, other).messages.find((m) => m.senderId === user.id && m.hash === hash);
      if (known) this.tell(user.id, "PERSONAL_MESSAGE_SENT", known);
      else this.personal(user.id, other, content, hash);
    }, this.latency);
    return { status: 202, body: { hash, userId: other, acceptedAt: at(0) } };
  }

  #membersPage(group: ServerGroup, query: URLSearchParams): Answer {
    const after = Number(query.get("after") ?? 0);
    const limit = Number(query.get("limit") ?? 50);
    const ids = [...group.members.keys()].sort((a, b) => a - b).filter((id) => id > after);
    const items = ids.slice(0, limit).map((id) => this.member(group.id, id));
    const link = `</api/v1/groups/${group.id}/members?after=${ids[limit - 1]}&limit=${limit}>; rel="next"`;
    return { status: 200, body: items, ...(ids.length > limit ? { headers: { Link: link } } : {}) };
  }

  #recipients(channel: ServerChannel, message: ChannelMessage) {
    const others = [...this.theGroup(channel.groupId).members.keys()].filter((id) => id !== message.senderId);
    return others.map((userId) => ({
      userId, at: at(0),
      status: (channel.read.get(userId) ?? 0) >= message.seq ? "READ" : (channel.delivered.get(userId) ?? 0) >= message.seq ? "DELIVERED" : "SENT",
    }));
  }

  #online(userId: Id): boolean {
    return [...this.sockets].some((s) => s.user === userId);
  }
}

interface Sent {
  content: string;
  hash: string;
  replyTo?: Id;
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}

/** An answer with a problem. */
export function refuse(status: number, code: string, detail = code, headers: Record<string, string> = {}): Answer {
  const problem: Problem = { type: "about:blank", title: code, status, detail, code };
  return { status, body: problem, headers };
}

function page<M extends { seq: number }>(all: readonly M[], query: URLSearchParams): { messages: M[]; hasMore: boolean } {
  const limit = Number(query.get("limit") ?? 50);
  if (query.has("after")) {
    const after = all.filter((m) => m.seq > Number(query.get("after")));
    return { messages: after.slice(0, limit), hasMore: after.length > limit };
  }
  const before = all.filter((m) => m.seq < Number(query.get("before") ?? Infinity));
  return { messages: before.slice(-limit), hasMore: before.length > limit };
}
