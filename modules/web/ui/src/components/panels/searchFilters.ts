import type { LocationQuery, LocationQueryRaw } from "vue-router";

import type { Id, SearchQuery } from "@/client";

/** What the page of search looks for, as its address says it. Days are YYYY-MM-DD, in the time zone of this device, and both belong to what is looked for. */
export interface Filters {
  q: string;
  from: Id | undefined;
  after: string;
  before: string;
}

export function filtersOf(query: LocationQuery): Filters {
  const text = (name: string): string => (typeof query[name] === "string" ? query[name] : "");
  const day = (name: string): string => (/^\d{4}-\d{2}-\d{2}$/.test(text(name)) ? text(name) : "");
  return { q: text("q"), from: Number(text("from")) || undefined, after: day("after"), before: day("before") };
}

export function addressOf({ q, from, after, before }: Filters): LocationQueryRaw {
  return { q: q.trim() || undefined, from: from?.toString(), after: after || undefined, before: before || undefined };
}

/** What the server is asked for. */
export function searchOf({ q, from, after, before }: Filters): SearchQuery {
  return {
    q,
    ...(from === undefined ? {} : { from }),
    ...(after ? { after: midnight(after, 0) } : {}),
    ...(before ? { before: midnight(before, 1) } : {}),
  };
}

/** When a day begins here, or the day so many days later. */
function midnight(day: string, later: number): string {
  const at = new Date(`${day}T00:00`);
  at.setDate(at.getDate() + later);
  return at.toISOString();
}
