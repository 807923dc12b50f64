import type { Id, PresenceState, Role, User } from "@/client";
import { roles } from "@/permissions";

/** Somebody in the panel. */
export interface Person {
  readonly user: User;
  /** In the group; undefined as long as it is not known. */
  readonly role: Role | undefined;
}

export type Section = PresenceState | Role;

/** What the panel lists one below the other. */
export type Row =
  | { readonly kind: "heading"; readonly section: Section; readonly count: number }
  | { readonly kind: "person"; readonly person: Person };

const presences: readonly PresenceState[] = ["online", "away", "offline"];

/** The people whose name or username has all the words of the query, whatever their case and accents, by name. */
export function findPeople(people: Iterable<Person>, query: string, locale: string): Person[] {
  const words = folded(query).split(/\s+/).filter((word) => word !== "");
  const byName = new Intl.Collator(locale, { sensitivity: "base", numeric: true });
  return [...people]
    .filter(({ user }) => {
      const text = folded(`${user.displayName} ${user.username}`);
      return words.every((word) => text.includes(word));
    })
    .sort((a, b) => byName.compare(a.user.displayName, b.user.displayName) || a.user.id - b.user.id);
}

/** Rows of people under headings of whether they are there; within each, in the order that they come in. */
export function rowsByPresence(people: readonly Person[], presenceOf: (id: Id) => PresenceState | undefined): Row[] {
  return sections(people, presences, (person) => presenceOf(person.user.id) ?? "offline");
}

/** Rows of people under headings of their role, for groups too large to know of everybody whether they are there. */
export function rowsByRole(people: readonly Person[]): Row[] {
  return sections(people, roles, (person) => person.role ?? "member");
}

function sections<S extends Section>(people: readonly Person[], order: readonly S[], sectionOf: (person: Person) => S): Row[] {
  const bySection = new Map<S, Row[]>();
  for (const person of people) {
    const section = sectionOf(person);
    const rows = bySection.get(section) ?? [];
    bySection.set(section, rows);
    rows.push({ kind: "person", person });
  }
  return order.flatMap((section): Row[] => {
    const rows = bySection.get(section);
    return rows ? [{ kind: "heading", section, count: rows.length }, ...rows] : [];
  });
}

function folded(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** The index of the nearest person at or after `from` in the direction of `step`, or, if there is none, in the other one; -1 if there is nobody. */
export function personFrom(rows: readonly Row[], from: number, step: 1 | -1): number {
  for (const direction of [step, -step]) {
    for (let i = from; i >= 0 && i < rows.length; i += direction) {
      if (rows[i]?.kind === "person") return i;
    }
    from = Math.max(0, Math.min(from, rows.length - 1));
  }
  return -1;
}
