import type { Page } from "./api.js";
import { ownProblem, ProblemError } from "./problem.js";
import type { Problem } from "./types.js";

/** Who knows the access token. */
export interface Authority {
  /** An access token that is good for a while; gets one if need be. Undefined if nobody is signed in. */
  token(): Promise<string | undefined>;
  /** Gets another token than the one that was refused. Fails when the sign-in is over. */
  renew(refused: string | undefined): Promise<void>;
}

export interface Request {
  /** A value, or a function that is asked for it at each attempt. */
  body?: unknown;
  /** Without a token: signing in, and what everybody may know. */
  anonymous?: boolean;
}

/** How long one attempt may take, in milliseconds. */
const patience = 15_000;
const shortestPause = 500;
const longestPause = 10_000;
/** How often one request has the token renewed: it may expire again while others are waited for. */
const mostRenewals = 3;

/** Requests to the API. */
export class Http {
  readonly #fetch: typeof fetch;
  readonly #base: string;
  readonly #authority: Authority;
  readonly #sleepers = new Set<() => void>();
  #life = new AbortController();

  constructor(fetcher: typeof fetch, url: string, authority: Authority) {
    this.#fetch = fetcher;
    this.#base = `${url.replace(/\/$/, "")}/api/v1`;
    this.#authority = authority;
  }

  /** Asks until there is an answer. For what may be done twice. */
  ask<T>(method: string, path: string, request: Request = {}): Promise<T> {
    return this.repeat(() => this.once<T>(method, path, request));
  }

  /** Repeats a job for as long as the server cannot be reached, or wants it repeated. */
  async repeat<T>(job: () => Promise<T>): Promise<T> {
    for (let n = 0; ; n++) {
      try {
        return await job();
      } catch (error) {
        if (!(error instanceof ProblemError) || !mayPass(error)) throw error;
        await this.#pause(n, error.retryAfter);
      }
    }
  }

  /** Asks once; again only if the server has surely done nothing yet: when the token had expired, or there were too many requests. */
  async once<T>(method: string, path: string, request: Request = {}): Promise<T> {
    return (await this.#answer(method, path, request)).body as T;
  }

  /** Asks for a page of a list until there is an answer. The answer is the list, or has it as a field. */
  page<T>(path: string, field?: string): Promise<Page<T>> {
    return this.repeat(() => this.pageOnce<T>(path, field));
  }

  /** Asks for a page of a list. Its next is the query of the next page. */
  async pageOnce<T>(path: string, field?: string): Promise<Page<T>> {
    const { body, headers } = await this.#answer("GET", path, {});
    const next = /<([^>]*)>\s*;\s*rel="?next"?/.exec(headers.get("Link") ?? "")?.[1];
    return { items: (field ? (body as Record<string, unknown>)[field] : body) as T[], ...(next ? { next: next.slice(next.indexOf("?")) } : {}) };
  }

  /** The network is back: whoever waits by a guess of its own tries at once. */
  wake(): void {
    for (const wake of this.#sleepers) wake();
  }

  /** Ends everything that is under way: it fails with the problem. New requests may be made. */
  abort(problem: ProblemError): void {
    const life = this.#life;
    this.#life = new AbortController();
    life.abort(problem);
  }

  async #answer(method: string, path: string, request: Request): Promise<{ body: unknown; headers: Headers }> {
    const life = this.#life.signal;
    let renewals = 0;
    for (let n = 0; ; n++) {
      const token = request.anonymous ? undefined : await this.#authority.token();
      if (life.aborted) throw life.reason;
      const { status, headers, body } = await this.#attempt(method, path, request, token, life);
      if (status >= 200 && status < 300) return { body, headers };
      const error = problemOf(status, headers, body);
      if (status === 401 && !request.anonymous && renewals < mostRenewals && renewable.has(error.code)) {
        renewals++;
        await this.#authority.renew(token);
      } else if (status === 429 && n < 3) {
        await this.#pause(n, error.retryAfter);
      } else {
        throw error;
      }
    }
  }

  async #attempt(method: string, path: string, request: Request, token: string | undefined, life: AbortSignal) {
    const body = typeof request.body === "function" ? (request.body as () => unknown)() : request.body;
    const attempt = new AbortController();
    const end = (): void => attempt.abort();
    const timer = setTimeout(end, patience);
    life.addEventListener("abort", end);
    try {
      const response = await this.#fetch(this.#base + path, {
        method,
        headers: {
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: attempt.signal,
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text ? (JSON.parse(text) as unknown) : undefined };
    } catch {
      // Nobody there, or no whole answer, or one that is not the API's: it may have been done, or not.
      if (life.aborted) throw life.reason;
      throw ownProblem("no_answer", "The server cannot be reached. Check your connection and try again.");
    } finally {
      clearTimeout(timer);
      life.removeEventListener("abort", end);
    }
  }

  /** Waits before the n-th repetition: as long as the server wants, or longer each time; a little more by chance, so that not all come at once. */
  #pause(n: number, retryAfter: number | undefined): Promise<void> {
    const life = this.#life.signal;
    const pause = retryAfter ?? Math.min(shortestPause * 2 ** n, longestPause);
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#sleepers.delete(wake);
        life.removeEventListener("abort", wake);
        if (life.aborted) reject(life.reason as Error);
        else resolve();
      };
      const timer = setTimeout(wake, pause * (1 + Math.random() / 2));
      life.addEventListener("abort", wake);
      if (retryAfter === undefined) this.#sleepers.add(wake);
    });
  }
}

/** What another token may help against. */
const renewable = new Set(["token_expired", "token_invalid", "token_missing", "user_disabled"]);

/** Whether a refusal may pass by itself. */
function mayPass({ status, code }: ProblemError): boolean {
  return code === "no_answer" || [429, 502, 504].includes(status) || (status === 503 && code !== "search_too_slow");
}

function problemOf(status: number, headers: Headers, body: unknown): ProblemError {
  const told = (typeof body === "object" ? body : null) as Partial<Problem> | null;
  const seconds = Number(headers.get("Retry-After") ?? NaN);
  return new ProblemError(
    { type: "about:blank", title: `The server answered ${status}.`, code: `http_${status}`, ...told, status },
    Number.isFinite(seconds) ? seconds * 1000 : undefined,
  );
}
