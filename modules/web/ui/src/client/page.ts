/** What a browser's page has, and other programs have not. */
const page = globalThis as Partial<Pick<Window, "addEventListener" | "removeEventListener">>;

/** Listens to an event of the page, if there is one. Returns what ends it. */
export function onPage<E extends keyof WindowEventMap>(event: E, listener: (event: WindowEventMap[E]) => void): () => void {
  page.addEventListener?.(event, listener);
  return () => page.removeEventListener?.(event, listener);
}
