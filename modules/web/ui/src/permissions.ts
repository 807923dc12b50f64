/**
 * Who may do what in a group: the rules of the server (docs/api.md, "Who may do what"), to offer only what will be allowed. The server decides;
 * what it refuses nevertheless, say because the role has just changed, is shown where it was asked for.
 */
import type { Role } from "@/client";

/** Something that takes a role. What it takes besides, say a higher rank than somebody else's, the functions below know. */
export type Action =
  | "leave"
  | "change-group"
  | "add-members"
  | "manage-channels"
  | "manage-channel-members"
  | "manage-invites"
  | "manage-bans"
  | "change-roles"
  | "transfer-group"
  | "delete-group"
  | "moderate-messages";

/** The roles, highest first. */
export const roles: readonly Role[] = ["owner", "admin", "member"];

const ranks: Record<Role, number> = { owner: 3, admin: 2, member: 1 };

/** The lowest role that may do the action. */
const lowest: Record<Action, Role> = {
  leave: "member",
  "change-group": "admin",
  "add-members": "admin",
  "manage-channels": "admin",
  "manage-channel-members": "admin",
  "manage-invites": "admin",
  "manage-bans": "admin",
  "change-roles": "owner",
  "transfer-group": "owner",
  "delete-group": "owner",
  // To delete what others have said, and to see what it said before it was edited.
  "moderate-messages": "admin",
};

/** Whether somebody with the role may do the action; undefined is somebody who is not in the group. */
export function can(role: Role | undefined, action: Action): boolean {
  return role !== undefined && ranks[role] >= ranks[lowest[action]];
}

/** Whether somebody with the role stands above somebody with the other role. */
export function outranks(role: Role, other: Role): boolean {
  return ranks[role] > ranks[other];
}

/** Whether somebody with the role may take somebody with the other role out of the group, or ban them from it. Oneself leaves instead. */
export function canRemove(role: Role | undefined, other: Role): boolean {
  return role !== undefined && can(role, "manage-bans") && outranks(role, other);
}

/** The roles in which somebody with the role may add people, highest first: lower ones, and owners any. */
export function addableRoles(role: Role | undefined): readonly Role[] {
  if (role === undefined || !can(role, "add-members")) return [];
  return roles.filter((other) => role === "owner" || outranks(role, other));
}

/**
 * The roles that somebody with the role may give a member of the other role in its place, highest first, without the one it has. Owners may step down
 * themselves (self), but stand above no other owner.
 */
export function givableRoles(role: Role | undefined, other: Role, self: boolean): readonly Role[] {
  if (role === undefined || !can(role, "change-roles") || !(self || outranks(role, other))) return [];
  return roles.filter((given) => given !== other);
}
