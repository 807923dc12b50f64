import { Tokenizer, type Tokens } from "marked";

/**
 * How much work a message is worth: characters that are left, added up over all steps. An ordinary message of 4,000 characters needs a tenth of it;
 * texts that are made to be hard to read need hundreds of times as much.
 */
const budget = 600_000;

/** Of a table, in cells. A few thousand characters can ask for hundreds of thousands: short rows are filled up. */
const tableLimit = 1_000;

/** Thrown when a text is not worth the work any more. */
export class TooMuchWork extends Error {}

/**
 * Markdown as people mean it in a chat. What they did not mean is text: HTML, indented code, definitions of references, which would be invisible, and
 * lines of === and --- that make a heading of what is above them. And it gives up (TooMuchWork) where a text costs more than it is worth; the
 * lexer's loops call space and escape first in each step.
 */
export class ChatTokenizer extends Tokenizer {
  #spent = 0;

  override space(src: string): Tokens.Space | undefined {
    this.#spend(src);
    return super.space(src);
  }

  override escape(src: string): Tokens.Escape | undefined {
    this.#spend(src, src.startsWith("~") ? 4 : 1); // looking for the end of what is struck out takes longest
    return super.escape(src);
  }

  override table(src: string): Tokens.Table | undefined {
    const columns = src.slice(0, src.search(/\n|$/)).split("|").length;
    const rows = src.slice(0, src.search(/\n[ \t]*\n|$/)).split("\n").length;
    return columns * rows > tableLimit ? undefined : super.table(src);
  }

  override html(): undefined {}
  override tag(): undefined {}
  override code(): undefined {}
  override def(): undefined {}
  override lheading(): undefined {}

  #spend(src: string, times = 1): void {
    this.#spent += times * src.length;
    if (this.#spent > budget) throw new TooMuchWork();
  }
}
