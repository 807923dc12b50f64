import type { Authority, Http } from "./http.js";
import type { Locks } from "./locks.js";
import { ownProblem, ProblemError } from "./problem.js";
import type { Keep } from "./storage.js";
import type { Session as Told, User } from "./types.js";

/** What is kept of a sign-in. The access token is not: it lives in memory only. */
interface Kept {
  user: User;
  refreshToken: string;
}

/** Who wants to know of a session. */
export interface SessionListener {
  /** Somebody is signed in: now, or since an earlier visit. */
  entered(user: User): void;
  /** Nobody is, any more. With a problem, without the user's doing. */
  left(problem?: ProblemError): void;
  /** There is a fresh access token. */
  renewed(token: string): void;
  /** What the user is called has changed. */
  changed(user: User): void;
}

const key = "session";
/** An access token is taken for used up this long before it expires, in milliseconds. */
const margin = 5_000;
/** After this part of its life an access token is renewed. */
const renewAfter = 0.8;
const longestTimer = 2 ** 31 - 1;

/**
 * The sign-in of this device, which all tabs share through the storage. A refresh token works once, so one tab at a time uses it, with the
 * token that is kept at that moment.
 */
export class Session implements Authority {
  me: User | null = null;

  readonly #keep: Keep;
  readonly #locks: Locks;
  readonly #listener: SessionListener;
  #http!: Http;
  #token: string | undefined;
  #expires = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewing: Promise<void> | undefined;

  constructor(keep: Keep, locks: Locks, listener: SessionListener) {
    this.#keep = keep;
    this.#locks = locks;
    this.#listener = listener;
  }

  /** Gives the session what it asks with, which in turn takes its tokens from here. */
  use(http: Http): void {
    this.#http = http;
  }

  /** Goes on with the sign-in that is kept, if there is one; also when another tab has changed it. */
  resume(): void {
    const kept = this.#keep.get(key) as Kept | undefined;
    if (kept?.user.id === this.me?.id) return;
    if (this.me) this.#end();
    if (!kept) return;
    this.me = kept.user;
    this.#listener.entered(kept.user);
  }

  async register(username: string, password: string, displayName: string): Promise<void> {
    const body = { username, password, ...(displayName ? { displayName } : {}) };
    this.#begin(await this.#http.once<Told>("POST", "/auth/register", { body, anonymous: true }));
  }

  async signIn(username: string, password: string): Promise<void> {
    this.#begin(await this.#http.once<Told>("POST", "/auth/login", { body: { username, password }, anonymous: true }));
  }

  /** Ends the sign-in here and, if it can be reached within a moment, on the server. */
  async signOut(moment: number): Promise<void> {
    const token = this.#token;
    if (this.me && token) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, moment)));
      await Promise.race([this.#http.once("POST", "/auth/logout").catch(() => undefined), late]);
      clearTimeout(timer);
    }
    this.forget();
  }

  /** Ends the sign-in here alone. */
  forget(): void {
    this.#keep.remove(key);
    if (this.me) this.#end();
  }

  /** Takes over what the user is called now. */
  rename(user: User): void {
    const kept = this.#keep.get(key) as Kept | undefined;
    if (kept?.user.id === user.id) this.#keep.set(key, { ...kept, user });
    if (this.me?.id !== user.id) return;
    this.me = user;
    this.#listener.changed(user);
  }

  async token(): Promise<string | undefined> {
    if (this.me && (!this.#token || Date.now() >= this.#expires - margin)) await this.renew(this.#token);
    return this.#token;
  }

  /** The access token that is here, good or not. */
  get current(): string | undefined {
    return this.#token;
  }

  renew(refused: string | undefined): Promise<void> {
    if (!this.me || this.#token !== refused) return Promise.resolve();
    if (!this.#renewing) {
      const renewing = this.#locks.hold("refresh", () => this.#refresh()).finally(() => {
        if (this.#renewing === renewing) this.#renewing = undefined;
      });
      this.#renewing = renewing;
    }
    return this.#renewing;
  }

  /** Ends the timer. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  async #refresh(): Promise<void> {
    let used: string | undefined;
    const body = (): { refreshToken: string } => {
      const kept = this.#keep.get(key) as Kept | undefined;
      if (!kept || kept.user.id !== this.me?.id) throw signedOut();
      used = kept.refreshToken;
      return { refreshToken: used };
    };
    try {
      const told = await this.#http.ask<Told>("POST", "/auth/refresh", { body, anonymous: true });
      if (told.user.id !== this.me?.id) return; // signed out meanwhile
      this.#take(told);
    } catch (error) {
      if (!(error instanceof ProblemError) || ![401, 403].includes(error.status)) throw error;
      const kept = this.#keep.get(key) as Kept | undefined;
      if (kept && kept.refreshToken !== used && kept.user.id === this.me?.id) return this.#refresh(); // somebody else has got a newer one
      if (kept?.refreshToken === used) this.#keep.remove(key);
      if (this.me) this.#end(error);
      throw error;
    }
  }

  #begin(told: Told): void {
    if (this.me) this.#end();
    this.me = told.user;
    this.#take(told);
    this.#listener.entered(told.user);
  }

  #take(told: Told): void {
    this.#keep.set(key, { user: told.user, refreshToken: told.refreshToken } satisfies Kept);
    this.#token = told.accessToken;
    const life = lifeOf(told);
    this.#expires = Date.now() + life;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.renew(this.#token).catch(() => undefined), Math.min(renewAfter * life, longestTimer));
    this.#listener.renewed(told.accessToken);
    if (this.me && this.me.displayName !== told.user.displayName) {
      this.me = told.user;
      this.#listener.changed(told.user);
    }
  }

  #end(problem?: ProblemError): void {
    clearTimeout(this.#timer);
    this.me = null;
    this.#token = this.#renewing = undefined;
    this.#listener.left(problem);
  }
}

/** How long a token is good, in milliseconds: by the server's clock alone, since that of this device may be wrong. */
function lifeOf(told: Told): number {
  try {
    const [, payload = ""] = told.accessToken.split(".");
    const { iat, exp } = JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/"))) as { iat?: number; exp?: number };
    if (iat && exp && exp > iat) return (exp - iat) * 1000;
  } catch {
    // Not of the form that is known.
  }
  return Math.max(Date.parse(told.expiresAt) - Date.now(), margin);
}

/** The sign-in that a request belonged to is over. */
export function signedOut(): ProblemError {
  return ownProblem("signed_out", "You are signed out.");
}
