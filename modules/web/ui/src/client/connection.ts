import type { Connection as State } from "./parley.js";
import { ownProblem } from "./problem.js";
import type { Ack, EventName, Heard } from "./wire.js";

/** What is needed of a Socket.IO socket. */
export interface Socket {
  connect(): unknown;
  disconnect(): unknown;
  on(event: string, listener: (...args: never[]) => void): unknown;
  onAny(listener: (event: string, payload: unknown) => void): unknown;
  removeAllListeners(): unknown;
  offAny(): unknown;
  timeout(ms: number): { emitWithAck(event: string, payload: unknown): Promise<unknown> };
}

/** Makes a socket, as io of socket.io-client does. */
export type SocketMaker = (url: string, options: {
  auth: { token: string };
  autoConnect: false;
  reconnection: false;
  forceNew: true;
  path: string;
  timeout: number;
}) => Socket;

export interface ConnectionListener {
  /** An access token that is good for a while; fails when the sign-in is over. */
  token(): Promise<string | undefined>;
  /** The server does not take this token. Fails when the sign-in is over. */
  refused(token: string | undefined): Promise<void>;
  heard(event: Heard): void;
  /** From now on all events are heard. The connection is ready once this is done. */
  subscribed(): Promise<void>;
  lost(): void;
  changed(): void;
}

const ackPatience = 10_000;
const connectPatience = 15_000;
const shortestPause = 500;
const longestPause = 10_000;
/** A token for which the server is asked for longer than that means that it is not reached. */
const slowness = 4_000;

/**
 * One connection after the other, each a socket of its own. socket.io-client could reconnect by itself, but not with a fresh token, nor at
 * the time that a server wants; so all of it is done here.
 */
export class Connection {
  state: State = "idle";
  /** All events are heard at the moment. */
  listening = false;

  readonly #make: SocketMaker;
  readonly #url: string;
  readonly #listener: ConnectionListener;
  #socket: Socket | undefined;
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiting = false;
  #open = false;
  #rounds = 0;
  /** Grows with whatever makes an attempt that is under way pointless. */
  #turn = 0;

  constructor(make: SocketMaker, url: string, listener: ConnectionListener) {
    this.#make = make;
    this.#url = url;
    this.#listener = listener;
  }

  /** Connects, and stays connected until stop. */
  start(): void {
    this.#open = true;
    this.#is("connecting");
    void this.#connect();
  }

  stop(): void {
    this.#open = false;
    this.#turn++;
    this.#drop();
    clearTimeout(this.#timer);
    this.#is("idle");
  }

  /** The network is back: a connection that is waited with is tried at once. */
  wake(): void {
    if (!this.#open || !this.#waiting) return;
    this.#attempts = 0;
    this.#retry(0);
  }

  /** Says something, and waits for the acknowledgement. Fails without one. */
  async say<T>(event: string, payload: unknown): Promise<Ack<T>> {
    if (!this.#socket) throw ownProblem("no_answer", "There is no connection at the moment.");
    return (await this.#socket.timeout(ackPatience).emitWithAck(event, payload)) as Ack<T>;
  }

  /** Gives the connection a fresh token, so that the server does not end it. */
  renew(token: string): void {
    // Unless it is heard, the connection is ended, and comes back with the token.
    if (this.listening) void this.say("AUTH", { token }).catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const turn = ++this.#turn;
    this.#waiting = false;
    let token: string | undefined;
    const slow = setTimeout(() => this.#is("offline"), slowness);
    try {
      token = await this.#listener.token();
    } catch {
      if (turn === this.#turn) this.#failed();
      return;
    } finally {
      clearTimeout(slow);
    }
    if (turn !== this.#turn) return;
    const socket = this.#make(this.#url, {
      auth: { token: token ?? "" }, autoConnect: false, reconnection: false, forceNew: true, path: "/socket.io/", timeout: connectPatience,
    });
    this.#socket = socket;
    socket.on("connect", () => this.#is("connecting"));
    socket.on("connect_error", (error: Error & { data?: { code?: string } }) => {
      // A refusal says why; else the server was not reached.
      const code = error.data?.code ?? "";
      void this.#lost(token, code.startsWith("token_") || code === "user_disabled");
    });
    socket.on("disconnect", (reason: string) => {
      // When the server ends a connection for good, its token is no good any more.
      void this.#lost(token, reason === "io server disconnect");
    });
    socket.onAny((name, payload) => this.#heard(socket, { name: name as EventName, payload } as Heard));
    socket.connect();
  }

  #heard(socket: Socket, event: Heard): void {
    switch (event.name) {
      case "SUBSCRIBED":
        this.#attempts = 0;
        return void this.#subscribed(socket);
      case "RESYNC":
        return void this.#subscribed(socket);
      case "DRAIN":
        this.#drop();
        this.#is("connecting");
        { this.#retry(event.payload.reconnectInMs); return; }
      default:
        { this.#listener.heard(event); return; }
    }
  }

  async #subscribed(socket: Socket): Promise<void> {
    const round = ++this.#rounds;
    this.listening = true;
    this.#is("catching-up");
    await this.#listener.subscribed();
    if (this.#socket === socket && this.#rounds === round) this.#is("ready");
  }

  /** There is no connection. If that is because of the token, another one is needed first. */
  async #lost(token: string | undefined, refused: boolean): Promise<void> {
    this.#drop();
    if (refused) {
      this.#is("offline");
      try {
        await this.#listener.refused(token);
      } catch {
        // Over, or to be tried again later.
      }
    }
    this.#failed();
  }

  #failed(): void {
    if (!this.#open) return;
    this.#is("offline");
    const pause = Math.min(shortestPause * 2 ** this.#attempts, longestPause);
    this.#attempts++;
    this.#retry(pause * (0.5 + Math.random()));
  }

  #retry(ms: number): void {
    if (!this.#open) return;
    clearTimeout(this.#timer);
    this.#waiting = true;
    this.#turn++;
    this.#timer = setTimeout(() => void this.#connect(), ms);
  }

  #drop(): void {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = undefined;
    socket.offAny();
    socket.removeAllListeners();
    socket.disconnect();
    if (this.listening) {
      this.listening = false;
      this.#listener.lost();
    }
  }

  #is(state: State): void {
    if (state === this.state) return;
    this.state = state;
    this.#listener.changed();
  }
}
