import type { MarkedToken, Token, Tokens } from "marked";

import { ChatLexer, TooMuchWork } from "./lexer";
import { safeHref } from "./links";
import { splitMentions } from "./mentions";
import type { Block, Inline, ListItem } from "./nodes";

/** Quotations, lists and emphasis within each other, so deep; what is deeper is shown as it was written. */
const depthLimit = 8;

/** The texts that were parsed last: rows come and go while somebody scrolls, and a message looks the same when it is confirmed. */
const known = new Map<string, readonly Block[]>();
const knownLimit = 1_000;

/** Understands the text of a message. The same text gives the same blocks. */
export function parse(text: string): readonly Block[] {
  let blocks = known.get(text);
  if (blocks) known.delete(text);
  else blocks = parseAnew(text);
  known.set(text, blocks);
  if (known.size > knownLimit) {
    const [unusedLongest = ""] = known.keys();
    known.delete(unusedLongest);
  }
  return blocks;
}

function parseAnew(text: string): Block[] {
  try {
    return toBlocks(new ChatLexer().lex(text), 0);
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error;
    return [asWritten(text)];
  }
}

function asWritten(text: string): Block {
  const lines = text.trim().split("\n");
  return { type: "paragraph", children: lines.flatMap((line, i): Inline[] => (i ? [{ type: "break" }, { type: "text", text: line }] : [{ type: "text", text: line }])) };
}

function toBlocks(tokens: readonly Token[], depth: number): Block[] {
  if (depth > depthLimit) return [asWritten(tokens.map((t) => t.raw).join(""))];
  return tokens.flatMap((token) => toBlock(token as MarkedToken, depth) ?? []);
}

/** Whatever is not named here is shown as it was written. */
function toBlock(token: MarkedToken, depth: number): Block | undefined {
  switch (token.type) {
    case "space":
    case "checkbox": // its item knows
      return undefined;
    case "paragraph":
      return { type: "paragraph", children: toInlines(token.tokens, depth) };
    case "text": // the line of a list's item
      return { type: "paragraph", children: token.tokens ? toInlines(token.tokens, depth) : splitMentions(token.text) };
    case "heading":
      return { type: "heading", children: toInlines(token.tokens, depth) };
    case "code":
      return { type: "code", text: token.text, language: token.lang?.match(/^[\w+#.-]{1,30}/)?.[0] ?? "" };
    case "blockquote":
      return { type: "quote", children: toBlocks(token.tokens, depth + 1) };
    case "list":
      return { type: "list", ordered: token.ordered, start: Number(token.start) || (token.start === 0 ? 0 : 1), items: token.items.map((item) => toItem(item, depth + 1)) };
    case "table":
      return {
        type: "table",
        align: token.align,
        header: token.header.map((cell) => toInlines(cell.tokens, depth)),
        rows: token.rows.map((row) => row.map((cell) => toInlines(cell.tokens, depth))),
      };
    case "hr":
      return { type: "rule" };
    default:
      return asWritten(token.raw);
  }
}

function toItem(item: Tokens.ListItem, depth: number): ListItem {
  const children = toBlocks(item.tokens, depth);
  return item.task ? { checked: item.checked ?? false, children } : { children };
}

function toInlines(tokens: readonly Token[], depth: number): Inline[] {
  if (depth > depthLimit) return [{ type: "text", text: tokens.map((t) => t.raw).join("") }];
  return tokens.flatMap((token) => toInline(token as MarkedToken, depth));
}

/** Whatever is not named here is shown as it was written. */
function toInline(token: MarkedToken, depth: number): Inline[] {
  switch (token.type) {
    case "text":
      return token.tokens ? toInlines(token.tokens, depth) : splitMentions(token.text);
    case "escape":
      return [{ type: "text", text: token.text }];
    case "codespan":
      return [{ type: "code", text: token.text }];
    case "br":
      return [{ type: "break" }];
    case "checkbox":
      return [];
    case "strong":
    case "em":
    case "del":
      return [{ type: token.type, children: toInlines(token.tokens, depth + 1) }];
    case "link":
      return toLink(token.href, token.raw, toInlines(token.tokens, depth + 1));
    case "image": // nothing is fetched from elsewhere: that would tell others who reads what
      return toLink(token.href, token.raw, [{ type: "text", text: token.text || token.href }]);
    default:
      return [{ type: "text", text: token.raw }];
  }
}

function toLink(address: string, raw: string, children: Inline[]): Inline[] {
  const href = safeHref(address);
  return href === undefined ? [{ type: "text", text: raw }] : [{ type: "link", href, children }];
}
