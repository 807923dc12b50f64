const allowed: ReadonlySet<string> = new Set(["http:", "https:", "mailto:"]);

/** The address of a link if it is one that a message may lead to, else undefined. Relative addresses are none: they would lead to this server. */
export function safeHref(href: string): string | undefined {
  try {
    const url = new URL(href);
    return allowed.has(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}
