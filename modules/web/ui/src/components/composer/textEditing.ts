import type { Change } from "./formatting";

/**
 * Changes the text of a textarea so that Ctrl+Z takes the change back. Only execCommand, however old it is, writes what the browser can
 * undo; where it does nothing, the text is changed without that.
 */
export function applyChange(area: HTMLTextAreaElement, { start, end, insert, select }: Change): void {
  area.focus();
  area.setSelectionRange(start, end);
  if (!insertUndoably(insert)) {
    area.setRangeText(insert, start, end, "end");
    area.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertText" }));
  }
  area.setSelectionRange(...select);
}

function insertUndoably(text: string): boolean {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- There is nothing else, see above.
  const execCommand = document.execCommand as typeof document.execCommand | undefined;
  return execCommand?.call(document, text === "" ? "delete" : "insertText", false, text) ?? false;
}

/** Makes a textarea as high as its text; CSS limits how high that may be. */
export function fitHeight(area: HTMLTextAreaElement): void {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}
