import type { Changes } from "./changes.js";
import type { Http } from "./http.js";
import { ProblemError } from "./problem.js";
import type { Id, User } from "./types.js";

/** How many users are asked for with one request. */
const most = 100;
/** For how long a user that is not there is not asked for again, in milliseconds. */
const absence = 60_000;

/** Users by id, as far as they have been met. */
export class Users {
  readonly #changes: Changes;
  readonly #http: Http;
  readonly #users = new Map<Id, User>();
  readonly #absent = new Map<Id, number>();
  readonly #loading = new Map<Id, Promise<void>>();
  #wanted: Id[] = [];
  #batch: Promise<void> | undefined;

  constructor(changes: Changes, http: Http) {
    this.#changes = changes;
    this.#http = http;
  }

  get(id: Id): User | undefined {
    return this.#users.get(id);
  }

  learn(...users: readonly User[]): void {
    for (const user of users) {
      const old = this.#users.get(user.id);
      if (old && old.displayName === user.displayName && old.username === user.username) continue;
      this.#users.set(user.id, user);
      this.#changes.note("users");
    }
  }

  /** Fetches those that are not known. All that are asked for at the same time go into the same requests. */
  async load(ids: Iterable<Id>): Promise<void> {
    const waiting = new Set<Promise<void>>();
    for (const id of ids) {
      if (this.#users.has(id) || (this.#absent.get(id) ?? 0) > Date.now()) continue;
      let loading = this.#loading.get(id);
      if (!loading) {
        this.#wanted.push(id);
        loading = this.#batch ??= Promise.resolve().then(() => this.#fetch());
        this.#loading.set(id, loading);
      }
      waiting.add(loading);
    }
    await Promise.all(waiting);
  }

  async #fetch(): Promise<void> {
    const ids = this.#wanted;
    this.#wanted = [];
    this.#batch = undefined;
    try {
      for (let i = 0; i < ids.length; i += most) await this.#fetchSome(ids.slice(i, i + most));
    } finally {
      for (const id of ids) this.#loading.delete(id);
    }
  }

  async #fetchSome(ids: readonly Id[]): Promise<void> {
    try {
      this.learn(...(await this.#http.ask<User[]>("GET", `/users?ids=${ids.join(",")}`)));
    } catch (error) {
      // A server that does not know how to do this does without.
      if (!(error instanceof ProblemError) || ![400, 404].includes(error.status)) throw error;
    }
    for (const id of ids) if (!this.#users.has(id)) this.#absent.set(id, Date.now() + absence);
  }
}
