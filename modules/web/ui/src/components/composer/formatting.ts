/** Markdown by keyboard: what a change does to a text. */

/** A change of a text: `insert` takes the place of what is from start to end, and then this is selected. */
export interface Change {
  start: number;
  end: number;
  insert: string;
  select: [start: number, end: number];
}

/** Puts marks around the selection, or takes away those that are there: a second Ctrl+B undoes the first. */
export function toggleMark(text: string, start: number, end: number, mark: string): Change {
  const n = mark.length;
  const selected = text.slice(start, end);
  if (isMarkAt(text, start - n, mark) && isMarkAt(text, end, mark) && start >= n) {
    return { start: start - n, end: end + n, insert: selected, select: [start - n, end - n] };
  }
  return { start, end, insert: mark + selected + mark, select: [start + n, end + n] };
}

/** Whether exactly this mark is there: the * of italics is not the half of the ** of bold text. */
function isMarkAt(text: string, at: number, mark: string): boolean {
  if (!text.startsWith(mark, at)) return false;
  const sign = mark[0];
  return mark.length > 1 || (text[at - 1] !== sign && text[at + 1] !== sign);
}

/** Makes the selection a link to a pasted address; null where a plain paste is what is meant. */
export function linkSelection(text: string, start: number, end: number, pasted: string): Change | null {
  const selected = text.slice(start, end);
  const url = pasted.trim();
  if (selected.trim() === "" || /[[\]\n]/.test(selected) || isUrl(selected) || !isUrl(url)) return null;
  // A bracket within the address would end it.
  const insert = `[${selected}](${url.replaceAll("(", "%28").replaceAll(")", "%29")})`;
  return { start, end, insert, select: [start + insert.length, start + insert.length] };
}

function isUrl(text: string): boolean {
  return /^https?:\/\/\S+$/i.test(text) && URL.canParse(text);
}

/** How many characters a text has, as the server counts them: code points. */
export function lengthOf(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) count--;
  }
  return count;
}
