import type { Socket } from "../connection.js";
import type { Id } from "../types.js";

import type { FakeServer } from "./server.js";

/** A double of a Socket.IO socket. Everything takes a moment, as it does over a network. */
export class FakeSocket implements Socket {
  user: Id | undefined;
  readonly token: string;
  readonly #server: FakeServer;
  readonly #listeners = new Map<string, ((...args: never[]) => void)[]>();
  #any: ((event: string, payload: unknown) => void)[] = [];

  constructor(server: FakeServer, token: string) {
    this.#server = server;
    this.token = token;
  }

  connect(): void {
    setTimeout(() => {
      if (this.#server.down) { this.#emit("connect_error", new Error("xhr poll error")); return; }
      const user = this.#server.userOf(this.token);
      if (typeof user === "string") { this.#emit("connect_error", Object.assign(new Error(user), { data: { code: user } })); return; }
      this.user = user.id;
      this.#server.sockets.add(this);
      this.#emit("connect", undefined);
      setTimeout(() => this.hear("SUBSCRIBED", { groupIds: [], channelIds: this.#server.channelsOf(user.id) }), 1);
    }, 1);
  }

  disconnect(): void {
    this.#server.sockets.delete(this);
  }

  /** The connection ends, for a reason as Socket.IO has it. */
  end(reason: string): void {
    if (this.#server.sockets.delete(this)) this.#emit("disconnect", reason);
  }

  /** Something arrives, unless it gets lost. */
  hear(event: string, payload: unknown): void {
    const fault = this.#server.eventFault?.(event, payload, this);
    if (fault === "lost" || this.#server.down) return;
    // What arrives is a copy, as of this moment.
    const told: unknown = JSON.parse(JSON.stringify(payload));
    for (let i = fault === "twice" ? 2 : 1; i > 0; i--) {
      setTimeout(() => {
        if (this.#server.sockets.has(this)) for (const listener of this.#any) listener(event, told);
      }, 1);
    }
  }

  on(event: string, listener: (...args: never[]) => void): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  onAny(listener: (event: string, payload: unknown) => void): void {
    this.#any.push(listener);
  }

  removeAllListeners(): void {
    this.#listeners.clear();
  }

  offAny(): void {
    this.#any = [];
  }

  timeout(ms: number): { emitWithAck(event: string, payload: unknown): Promise<unknown> } {
    return {
      emitWithAck: (event, payload) => new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("operation has timed out")), ms);
        setTimeout(() => {
          const user = this.user === undefined ? undefined : this.#server.users.get(this.user);
          if (!user || this.#server.down || this.#server.deaf || !this.#server.sockets.has(this)) return;
          const answer = this.#server.acknowledge(user, event, payload as Record<string, unknown>);
          setTimeout(() => {
            clearTimeout(timer);
            resolve(answer);
          }, 1);
        }, 1);
      }),
    };
  }

  #emit(event: string, payload: unknown): void {
    for (const listener of this.#listeners.get(event) ?? []) (listener as (payload: unknown) => void)(payload);
  }
}
