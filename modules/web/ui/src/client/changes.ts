import type { Happenings, Topic } from "./parley.js";

/** Tells those who listen what has changed: once for all changes that are made in one go. */
export class Changes {
  readonly #listeners = new Set<(changed: ReadonlySet<Topic>) => void>();
  readonly #waiting = new Map<keyof Happenings, Set<(happening: never) => void>>();
  #changed = new Set<Topic>();

  /** Notes that a topic has changed. */
  note(...topics: Topic[]): void {
    if (this.#changed.size === 0) queueMicrotask(() => this.#tell());
    for (const topic of topics) this.#changed.add(topic);
  }

  subscribe(listener: (changed: ReadonlySet<Topic>) => void): () => void {
    const own = (changed: ReadonlySet<Topic>): void => listener(changed);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  on<H extends keyof Happenings>(what: H, listener: (happening: Happenings[H]) => void): () => void {
    const all = this.#waiting.get(what) ?? new Set();
    const own = (happening: Happenings[H]): void => listener(happening);
    this.#waiting.set(what, all.add(own));
    return () => all.delete(own);
  }

  /** Tells of something that happens, after the changes that came with it. */
  happen<H extends keyof Happenings>(what: H, happening: Happenings[H]): void {
    queueMicrotask(() => {
      for (const listener of this.#waiting.get(what) ?? []) tell(listener as (happening: Happenings[H]) => void, happening);
    });
  }

  #tell(): void {
    const changed = this.#changed;
    this.#changed = new Set();
    for (const listener of this.#listeners) tell(listener, changed);
  }
}

/** What a listener does wrong is its own matter: the others are told all the same, and the error is the environment's to report. */
function tell<T>(listener: (told: T) => void, told: T): void {
  try {
    listener(told);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
