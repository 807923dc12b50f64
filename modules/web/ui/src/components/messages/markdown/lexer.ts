import { Lexer, type Token, type Tokens, Tokenizer, type TokensList } from "marked";

/**
 * How much work a message is worth: characters that are left, added up over all steps. An ordinary message of 4,000 characters needs less than half of
 * it; texts that are made to be hard to read need up to a hundred times as much.
 */
const budget = 600_000;

/** How deep lists and quotations may be within each other, or emphasis in emphasis. */
const depthLimit = 16;

/** Of a table, in cells. A few thousand characters can ask for hundreds of thousands: short rows are filled up. */
const tableLimit = 1_000;

/** Thrown when a text is not worth the work any more. */
export class TooMuchWork extends Error {}

/** Markdown as people mean it in a chat, with bounds (TooMuchWork) for texts that nobody means. */
export class ChatLexer extends Lexer {
  #depth = 0;

  constructor() {
    super({ gfm: true, breaks: true, tokenizer: new ChatTokenizer() });
  }

  override blockTokens(src: string, tokens?: Token[], lastParagraphClipped?: boolean): Token[];
  override blockTokens(src: string, tokens?: TokensList, lastParagraphClipped?: boolean): TokensList;
  override blockTokens(src: string, tokens?: Token[], lastParagraphClipped?: boolean): Token[] {
    return this.#within(() => super.blockTokens(src, tokens, lastParagraphClipped));
  }

  override inlineTokens(src: string, tokens?: Token[]): Token[] {
    return this.#within(() => super.inlineTokens(src, tokens));
  }

  #within(lex: () => Token[]): Token[] {
    if (++this.#depth > depthLimit) throw new TooMuchWork();
    const tokens = lex();
    this.#depth--;
    return tokens;
  }
}

/**
 * What people do not mean is text: HTML, indented code, definitions of references, which would be invisible, and lines of === and --- that make a
 * heading of what is above them. The lexer's loops call space and escape first in each step: there the work is counted.
 */
class ChatTokenizer extends Tokenizer {
  #spent = 0;

  override space(src: string): Tokens.Space | undefined {
    this.#spend(src.length);
    return super.space(src);
  }

  override escape(src: string): Tokens.Escape | undefined {
    // Looking for the end of what is struck out takes longest.
    this.#spend(src.startsWith("~") ? 4 * src.length : src.length);
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

  #spend(work: number): void {
    this.#spent += work;
    if (this.#spent > budget) throw new TooMuchWork();
  }
}
