import type { Message } from "./parley.js";
import type { Id } from "./types.js";

/** Messages of a place that follow one another without a gap. A message is found by its seq by counting, and by its id through an index. */
export class Run {
  /** The seq before the first message. */
  after: number;
  #messages: Message[];
  readonly #seqs = new Map<Id, number>();
  #shown: readonly Message[] | undefined;

  /** messages are ascending and follow the seq after. */
  constructor(after: number, messages: readonly Message[]) {
    this.after = after;
    this.#messages = [...messages];
    this.#index(messages);
  }

  get length(): number {
    return this.#messages.length;
  }

  /** The seq of the last message, or the one before the first if there is none. */
  get last(): number {
    return this.after + this.#messages.length;
  }

  /** The messages as they are now; the same array as long as nothing changes. */
  get messages(): readonly Message[] {
    return (this.#shown ??= this.#messages.slice());
  }

  at(seq: number): Message | undefined {
    return this.#messages[seq - this.after - 1];
  }

  find(messageId: Id): Message | undefined {
    const seq = this.#seqs.get(messageId);
    return seq === undefined ? undefined : this.at(seq);
  }

  /** Adds a message if it is the next one, and says whether it was. */
  append(message: Message): boolean {
    if (message.seq !== this.last + 1) return false;
    this.#messages.push(message);
    this.#seqs.set(message.messageId, message.seq);
    this.#shown = undefined;
    return true;
  }

  /** Adds messages before the first one, those that end where it begins. */
  prepend(messages: readonly Message[]): void {
    const earlier = messages.filter((m) => m.seq <= this.after);
    if (earlier.length === 0 || earlier.at(-1)?.seq !== this.after) return;
    this.#messages = [...earlier, ...this.#messages];
    this.after -= earlier.length;
    this.#index(earlier);
    this.#shown = undefined;
  }

  /** Puts a message in the place of the one with its seq. */
  replace(message: Message): void {
    const at = message.seq - this.after - 1;
    if (!this.#messages[at] || this.#messages[at] === message) return;
    this.#messages[at] = message;
    this.#seqs.set(message.messageId, message.seq);
    this.#shown = undefined;
  }

  /** Forgets all but the latest messages. */
  trim(most: number): void {
    const gone = this.#messages.length - most;
    if (gone <= 0) return;
    for (const message of this.#messages.splice(0, gone)) this.#seqs.delete(message.messageId);
    this.after += gone;
    this.#shown = undefined;
  }

  #index(messages: readonly Message[]): void {
    for (const message of messages) this.#seqs.set(message.messageId, message.seq);
  }
}
