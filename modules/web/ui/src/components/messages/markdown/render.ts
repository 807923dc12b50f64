import { h, type VNode, type VNodeChild } from "vue";

import CodeBlock from "./CodeBlock.vue";
import type { Mentioned } from "./mentions";
import type { Align, Block, Inline, ListItem } from "./nodes";

/** What the text alone does not say. */
export interface Surroundings {
  /** Whom a name that was called mentions, if anybody. */
  mentioned(name: string): Mentioned | undefined;
}

/** Shows a message. Every element that one can have is here, and every attribute: nothing of a message becomes HTML in any other way. */
export function renderBlocks(blocks: readonly Block[], around: Surroundings): VNode[] {
  return blocks.map((block) => renderBlock(block, around));
}

function renderBlock(block: Block, around: Surroundings): VNode {
  switch (block.type) {
    case "paragraph":
      return h("p", renderInlines(block.children, around));
    case "heading":
      return h("p", { class: "heading" }, [h("strong", renderInlines(block.children, around))]);
    case "code":
      return h(CodeBlock, { text: block.text, language: block.language });
    case "quote":
      return h("blockquote", renderBlocks(block.children, around));
    case "list":
      return h(block.ordered ? "ol" : "ul", block.ordered && block.start !== 1 ? { start: block.start } : null, block.items.map((item) => renderItem(item, around)));
    case "table":
      return renderTable(block, around);
    case "rule":
      return h("hr");
  }
}

function renderItem(item: ListItem, around: Surroundings): VNode {
  const children = renderBlocks(item.children, around);
  if (item.checked === undefined) return h("li", children);
  return h("li", { class: "task" }, [h("input", { type: "checkbox", checked: item.checked, disabled: true, "aria-hidden": "true" }), h("div", children)]);
}

function renderTable({ align, header, rows }: Extract<Block, { type: "table" }>, around: Surroundings): VNode {
  const cells = (of: readonly Inline[][], element: "th" | "td") => of.map((cell, i) => h(element, alignment(align[i]), renderInlines(cell, around)));
  return h("div", { class: "table", tabindex: 0 }, [
    h("table", [h("thead", [h("tr", cells(header, "th"))]), h("tbody", rows.map((row) => h("tr", cells(row, "td"))))]),
  ]);
}

function alignment(align: Align | undefined): { class: string } | null {
  return align && align !== "left" ? { class: align } : null;
}

function renderInlines(nodes: readonly Inline[], around: Surroundings): VNodeChild[] {
  return nodes.map((node) => renderInline(node, around));
}

function renderInline(node: Inline, around: Surroundings): VNodeChild {
  switch (node.type) {
    case "text":
      return node.text;
    case "break":
      return h("br");
    case "code":
      return h("code", node.text);
    case "mention":
      return renderMention(node.name, around);
    case "strong":
    case "em":
    case "del":
      return h(node.type, renderInlines(node.children, around));
    case "link":
      return h("a", { href: node.href, target: "_blank", rel: "noopener noreferrer nofollow" }, renderInlines(node.children, around));
  }
}

function renderMention(name: string, around: Surroundings): VNodeChild {
  const found = around.mentioned(name);
  if (!found) return `@${name}`;
  return [h("span", { class: found.mine ? "mention mine" : "mention", title: found.username && `@${found.username}` }, `@${found.shown}`), found.rest];
}
