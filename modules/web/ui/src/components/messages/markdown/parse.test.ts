import { describe, expect, it } from "vitest";

import type { Block, Inline } from "./nodes";
import { parse } from "./parse";

const text = (text: string): Inline => ({ type: "text", text });
const p = (...children: Inline[]): Block => ({ type: "paragraph", children });

const understood: Record<string, [written: string, blocks: Block[]]> = {
  "a line": ["hello", [p(text("hello"))]],
  "lines stay lines": ["one\ntwo", [p(text("one"), { type: "break" }, text("two"))]],
  paragraphs: ["one\n\ntwo", [p(text("one")), p(text("two"))]],
  emphasis: ["**a** _b_ ~~c~~", [p({ type: "strong", children: [text("a")] }, text(" "), { type: "em", children: [text("b")] }, text(" "), { type: "del", children: [text("c")] })]],
  "names with underscores": ["snake_case_name", [p(text("snake_case_name"))]],
  code: ["`a*b*`", [p({ type: "code", text: "a*b*" })]],
  "a block of code": ["```go\nx := 1\n```", [{ type: "code", text: "x := 1", language: "go" }]],
  "a block of code, with odd words": ['```"><b>\nx\n```', [{ type: "code", text: "x", language: "" }]],
  "a block of code that is not ended": ["```\nx", [{ type: "code", text: "x", language: "" }]],
  "indented lines are no code": ["    x", [p(text("    x"))]],
  quotation: ["> a", [{ type: "quote", children: [p(text("a"))] }]],
  list: ["- a\n- b", [{ type: "list", ordered: false, start: 1, items: [{ children: [p(text("a"))] }, { children: [p(text("b"))] }] }]],
  "numbered list": ["3. a", [{ type: "list", ordered: true, start: 3, items: [{ children: [p(text("a"))] }] }]],
  tasks: ["- [x] a\n- [ ] b", [{ type: "list", ordered: false, start: 1, items: [{ checked: true, children: [p(text("a"))] }, { checked: false, children: [p(text("b"))] }] }]],
  table: ["|a|b|\n|-|-:|\n|1|2|", [{ type: "table", align: [null, "right"], header: [[text("a")], [text("b")]], rows: [[[text("1")], [text("2")]]] }]],
  heading: ["# a", [{ type: "heading", children: [text("a")] }]],
  "a number sign is none": ["#1 is done", [p(text("#1 is done"))]],
  "a line below is no heading": ["a\n---", [p(text("a")), { type: "rule" }]],
  "equals signs are no heading": ["a\n===", [p(text("a"), { type: "break" }, text("==="))]],
  "definitions are shown": ["[a]: https://example.org", [p(text("[a]: "), { type: "link", href: "https://example.org/", children: [text("https://example.org")] })]],
  "entities are shown": ["a &lt; b", [p(text("a &lt; b"))]],
  "HTML is text": ["<b>a</b> **c**", [p(text("<b>a</b> "), { type: "strong", children: [text("c")] })]],
  "a block of HTML is text": ["<div>\n*a*\n</div>", [p(text("<div>"), { type: "break" }, { type: "em", children: [text("a")] }, { type: "break" }, text("</div>"))]],
  link: ["[a](https://example.org/x)", [p({ type: "link", href: "https://example.org/x", children: [text("a")] })]],
  "links by themselves": ["see https://example.org/x.", [p(text("see "), { type: "link", href: "https://example.org/x", children: [text("https://example.org/x")] }, text("."))]],
  "www is one": ["www.example.org", [p({ type: "link", href: "http://www.example.org/", children: [text("www.example.org")] })]],
  "mail is one": ["ann@example.org", [p({ type: "link", href: "mailto:ann@example.org", children: [text("ann@example.org")] })]],
  "a picture is a link": ["![a](https://example.org/a.png)", [p({ type: "link", href: "https://example.org/a.png", children: [text("a")] })]],
  mentions: ["hi @ann, @Ben.", [p(text("hi "), { type: "mention", name: "ann" }, text(", "), { type: "mention", name: "Ben." })]],
  "no mention in a word": ["a@ann é@ann x/@ann", [p(text("a@ann é@ann x/@ann"))]],
  "no mention in code": ["`@ann`", [p({ type: "code", text: "@ann" })]],
  "no mention behind a backslash": ["\\@ann", [p(text("@"), text("ann"))]],
};

describe("parse", () => {
  it.each(Object.entries(understood))("%s", (_, [written, blocks]) => {
    expect(parse(written)).toEqual(blocks);
  });

  it("does the work for a text once", () => {
    expect(parse("some *text*")).toBe(parse("some *text*"));
  });
});

const long = (piece: string) => piece.repeat(Math.ceil(4_000 / piece.length)).slice(0, 4_000);
const hostile = [
  ...["*", "_", "~", "`", ">", "> ", "- ", "1. ", "[", "![", "<", "|", "#", "\\", "&#", "\n", " \n", "\t"],
  ...["*a ", "**a *b ", "*a_ ", "*_~", "~~a~ ", "a*b_", "[a](", "[a](<b", "[](", "]([", "<a ", "<!--", "<![CDATA[", "<?", "<http:", "`` ` "],
  ...["# \n", "[a]:b\n", "```\n", "- - -\n", "a\n=\n", "|a|b\n|-|-\n", ">- ", "> 1. ", "- [ ] ", "a.b+c@", "a@b.", "www.", "http://a", "(", "@ann ", "@"],
].map(long);
hostile.push(
  `${"|a".repeat(500)}\n${"|-".repeat(500)}\n${"a\n".repeat(1_000)}`,
  Array.from({ length: 60 }, (_, i) => `${" ".repeat(2 * i)}- a`).join("\n"),
  Array.from({ length: 60 }, (_, i) => `${">".repeat(i)}a`).join("\n"),
  Array.from({ length: 88 }, (_, i) => "`".repeat(i + 1)).join(" "),
  `${"[".repeat(2_000)}${"]".repeat(2_000)}`,
  `${"*".repeat(2_000)}a${"*".repeat(2_000)}`,
);

/** How many elements blocks become, and how deep they are within each other. */
function extent(nodes: readonly object[]): [elements: number, depth: number] {
  let [elements, depth] = [nodes.length, 0];
  for (const node of nodes) {
    for (const value of Object.values(node)) {
      if (!Array.isArray(value) || typeof value[0] !== "object" || value[0] === null) continue;
      const [more, deeper] = extent(value.flat(2));
      elements += more;
      depth = Math.max(depth, deeper);
    }
  }
  return [elements, depth + 1];
}

describe("texts that are made to be hard to read", () => {
  it.each(hostile.map((s) => [JSON.stringify(s.slice(0, 20)), s]))("%s…", (_, written) => {
    // A few milliseconds on a machine that has nothing else to do, hence the best of three; without a bound, some take hundreds.
    const times = [`${written} `, `${written}  `, written].map((same) => {
      const begin = performance.now();
      parse(same);
      return performance.now() - begin;
    });
    expect(Math.min(...times)).toBeLessThan(100);

    const [elements, depth] = extent(parse(written));
    expect(elements).toBeLessThan(6_000);
    expect(depth).toBeLessThan(40);
  });
});

describe("an ordinary text", () => {
  // About as much markup as a text can have that is still readable.
  const written = `Hi @ann, **see** [the notes](https://example.org/notes) of _today_: \`make test\`, ~~twice~~ **once** a_b, https://example.org.
- one *thing*
- and \`another\` (https://example.org/x)
> as I said, **no**

| a | b |
|---|---|
| 1 | *2* |

`.repeat(14).slice(0, 4_000);

  it("of the greatest length is understood", () => {
    expect(parse(written).length).toBeGreaterThan(40);
  });
});
