/** What is kept on this device as JSON. Where storage is full or not allowed, things live as long as the page. */

/** Reads what is kept under a key; undefined if that is nothing, or nothing that can be read. */
export function readKept(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}

/** Keeps something under a key, or with undefined nothing. */
export function writeKept(key: string, value: unknown): void {
  try {
    if (value === undefined) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // See above.
  }
}
