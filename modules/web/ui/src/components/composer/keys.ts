/** What a key press in the composer means. */

/** How the user wants to send. */
export interface SendKeys {
  /** Enter sends, and Shift+Enter begins a line; without it, Ctrl+Enter sends. */
  enterSends: boolean;
  /** There is no Shift at hand: Enter begins a line, and the button sends. */
  touch: boolean;
}

type Press = Pick<KeyboardEvent, "key" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey" | "isComposing">;

/** Whether a key press sends. One that ends the input of a character, as of Japanese, never does. */
export function sends(press: Press, { enterSends, touch }: SendKeys): boolean {
  if (press.key !== "Enter" || press.isComposing || press.altKey) return false;
  if (press.ctrlKey || press.metaKey) return true;
  return enterSends && !touch && !press.shiftKey;
}

/** The Markdown mark that a key press is for. */
export function markOf(press: Press): string | undefined {
  if (!(press.ctrlKey || press.metaKey) || press.shiftKey || press.altKey) return undefined;
  return { b: "**", i: "*", e: "`" }[press.key.toLowerCase()];
}
