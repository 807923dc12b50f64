import type { Entry } from "./places";

/** As it is compared: without case, and without marks, so that "jurgen" finds Jürgen. */
function folded(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase();
}

/**
 * How well a name answers what was typed, the lower the better; undefined if it does not. From the beginning, from the beginning of one of its words,
 * somewhere within, and last with letters left out between, as in "gnl" for general.
 */
export function distance(name: string, typed: string): number | undefined {
  const [text, query] = [folded(name), folded(typed)];
  if (text === query) return 0;
  if (text.startsWith(query)) return 1;
  const at = text.indexOf(query);
  if (at > 0) return /[^\p{L}\p{N}]/u.test(text.charAt(at - 1)) ? 2 : 3;
  let from = 0;
  for (const letter of query) {
    const found = text.indexOf(letter, from);
    if (found === -1) return undefined;
    from = found + letter.length;
  }
  return 4;
}

/**
 * What the quick switcher offers: the places that answer to every word that was typed, by their name or their group's, the best first. Among equals, and
 * for nothing typed, what is unread comes first, then what was visited last.
 */
export function rank(entries: readonly Entry[], typed: string, visited: readonly string[], limit: number): Entry[] {
  const words = typed.replace(/[#@]/g, " ").split(/\s+/).filter(Boolean);
  const scored = entries.flatMap((entry, order) => {
    let score = 0;
    for (const word of words) {
      const byName = distance(entry.name, word);
      const byGroup = entry.group ? distance(entry.group.name, word) : undefined;
      if (byName === undefined && byGroup === undefined) return [];
      score += Math.min(byName ?? Infinity, (byGroup ?? Infinity) + 2.5);
    }
    const last = visited.indexOf(entry.key);
    const waits = entry.muted ? 0 : entry.mentions > 0 ? 2 : entry.unread > 0 ? 1 : 0;
    return [{ entry, score, waits, last: last === -1 ? Infinity : last, order }];
  });
  scored.sort((a, b) => a.score - b.score || b.waits - a.waits || (a.last === b.last ? a.order - b.order : a.last - b.last));
  return scored.slice(0, limit).map(({ entry }) => entry);
}
