/** A message's text, understood: everything that a message can show, and nothing else. */

/** Within a line. A mention holds the name as it was written, without the @, also what of the punctuation behind it may be part of it. */
export type Inline =
  | { type: "text"; text: string }
  | { type: "break" }
  | { type: "code"; text: string }
  | { type: "mention"; name: string }
  | { type: "strong" | "em" | "del"; children: Inline[] }
  | { type: "link"; href: string; children: Inline[] };

export type Align = "left" | "center" | "right" | null;

export interface ListItem {
  /** Of a task: whether it is done. */
  checked?: boolean;
  children: Block[];
}

export type Block =
  | { type: "paragraph" | "heading"; children: Inline[] }
  | { type: "code"; text: string; language: string }
  | { type: "quote"; children: Block[] }
  | { type: "list"; ordered: boolean; start: number; items: ListItem[] }
  | { type: "table"; align: Align[]; header: Inline[][]; rows: Inline[][][] }
  | { type: "rule" };
