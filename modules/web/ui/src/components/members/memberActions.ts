import { useI18n } from "petite-vue-i18n";

import type { Id, Member, Role, User } from "@/client";
import { useConfirm, type Question } from "@/components/base/confirm";
import type { MenuItem } from "@/components/base/menu";
import { useSubmission, type Submission } from "@/components/base/submission";
import { canRemove, givableRoles } from "@/permissions";
import { useParley } from "@/stores/parley";

/** What the page does around the actions. */
export interface MemberActionsOptions {
  groupId: () => Id;
  /** Asks for the reason of a ban, and bans. */
  ban: (user: User) => void;
  /** Something was done. */
  done?: (text: string) => void;
}

/** What the user may do with the members of a group, as entries of a menu; what the server refuses nevertheless is the submission's problem. */
export function useMemberActions(options: MemberActionsOptions): { itemsFor: (member: Member) => MenuItem[]; submission: Submission } {
  const { t } = useI18n();
  const parley = useParley();
  const confirm = useConfirm();
  const submission = useSubmission();

  async function act(work: () => Promise<unknown>, text: string): Promise<void> {
    if (await submission.succeeds(work)) options.done?.(text);
  }

  /** What cannot be taken back: nobody can take the role from another owner, and nobody gives it back to oneself. */
  function warning(member: Member, role: Role): Question | undefined {
    const name = member.user.displayName;
    if (member.user.id === parley.me?.id) {
      return { title: t("members.stepDown.title"), text: t("members.stepDown.text"), action: t("members.stepDown.action"), danger: true };
    }
    if (role !== "owner") return undefined;
    return { title: t("members.makeOwner.title", { name }), text: t("members.makeOwner.text", { name }), action: t("members.makeOwner.action") };
  }

  async function giveRole(member: Member, role: Role): Promise<void> {
    const question = warning(member, role);
    if (question && !(await confirm(question))) return;
    const { id, displayName } = member.user;
    await act(() => parley.client.api.setRole(options.groupId(), id, role), t(`members.given.${role}`, { name: displayName }));
  }

  async function remove({ user }: Member): Promise<void> {
    const name = user.displayName;
    const sure = await confirm({
      title: t("members.remove.title", { name }), text: t("members.remove.text", { name }), action: t("members.remove.action"), danger: true,
    });
    if (sure) await act(() => parley.client.api.removeMember(options.groupId(), user.id), t("members.remove.done", { name }));
  }

  function itemsFor(member: Member): MenuItem[] {
    const mine = parley.role(options.groupId());
    const self = member.user.id === parley.me?.id;
    const items: MenuItem[] = givableRoles(mine, member.role, self).map((role) => ({
      key: role,
      label: t(`members.give.${role}`),
      icon: role === "owner" ? "crown" : role === "admin" ? "shield" : "user",
      run: () => giveRole(member, role),
    }));
    if (self || !canRemove(mine, member.role)) return items;
    return [
      ...items,
      { key: "remove", label: t("members.remove.item"), icon: "logout", danger: true, run: () => remove(member) },
      { key: "ban", label: t("members.ban.item"), icon: "ban", danger: true, run: () => { options.ban(member.user); } },
    ];
  }

  return { itemsFor, submission };
}
