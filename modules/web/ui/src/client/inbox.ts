import type { Heard } from "./wire.js";

/**
 * Events on their way to the copy that they change. While something is being fetched they wait, as the answer is older than what they say;
 * then they are applied in the order in which they came.
 */
export class Inbox {
  readonly #apply: (event: Heard) => void;
  readonly #fault: (error: unknown) => void;
  readonly #queue: Heard[] = [];
  #fetching = 0;

  /** fault is told of an event that could not be applied. */
  constructor(apply: (event: Heard) => void, fault: (error: unknown) => void) {
    this.#apply = apply;
    this.#fault = fault;
  }

  hear(event: Heard): void {
    if (this.#fetching > 0) this.#queue.push(event);
    else this.#deliver(event);
  }

  /** Fetches something and takes it, while events wait. take is also told what has been heard since, which is applied after it. */
  async during<T, R>(fetch: () => Promise<T>, take: (answer: T, since: readonly Heard[]) => R): Promise<R> {
    this.#fetching++;
    const from = this.#queue.length;
    try {
      const answer = await fetch();
      return take(answer, this.#queue.slice(from));
    } finally {
      this.#fetching--;
      if (this.#fetching === 0) for (const event of this.#queue.splice(0)) this.#deliver(event);
    }
  }

  #deliver(event: Heard): void {
    try {
      this.#apply(event);
    } catch (error) {
      this.#fault(error);
    }
  }
}
