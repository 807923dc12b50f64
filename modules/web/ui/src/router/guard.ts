import type { RouteLocationNormalized, RouteLocationRaw } from "vue-router";

/** What decides who may see which page. */
export interface Session {
  /** Resolves once it is known whether somebody is signed in. */
  known: Promise<void>;
  signedIn(): boolean;
  /** Whether the server has any account yet. */
  hasAccounts(): boolean;
}

/** Where to go on after signing in: only within this application, whatever a link says. */
export function returnPath(query: unknown): string {
  return typeof query === "string" && /^\/(?![/\\])/.test(query) ? query : "/";
}

/**
 * Sends those who are not signed in to sign-in, from where they return to where they wanted to go; and those who are away from there. On a
 * server without any account, sign-up comes first.
 */
export async function guard(to: RouteLocationNormalized, session: Session): Promise<RouteLocationRaw | true> {
  await session.known;
  if (session.signedIn()) return to.meta.for === "guest" ? returnPath(to.query.return) : true;
  if (to.meta.for === "user") {
    const query = to.fullPath === "/" ? {} : { return: to.fullPath };
    return { name: session.hasAccounts() ? "sign-in" : "sign-up", query, replace: true };
  }
  return true;
}
