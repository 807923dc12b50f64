import type { Id, User } from "@/client";
import { findPeople } from "@/components/members/memberRows";
import { useParley } from "@/stores/parley";

/** So many are offered at once; who wants somebody else types more of the name. */
const mostOffered = 20;

/** What a PersonPicker looks people up with who are members of a group. It waits until all of them are known, and fails with a ProblemError. */
export function useMemberSearch(groupId: () => Id, locale: () => string): (q: string) => Promise<readonly User[]> {
  const parley = useParley();
  return async (q) => {
    await parley.client.loadMembers(groupId());
    const members = parley.members(groupId()).members.values();
    return findPeople(members, q, locale()).slice(0, mostOffered).map(({ user }) => user);
  };
}
