import type { ProblemError } from "@/client";

/** Why somebody cannot join, in so many words. */
export interface InvitationProblem {
  title: string;
  text: string;
  /** Trying again may help. */
  passing: boolean;
}

/** The codes of problems that have words of their own. */
const known = ["invite_not_found", "invite_expired", "invite_used_up", "invite_revoked", "banned"] as const;

/** Says what is wrong with an invite; what has no words of its own is said in those of the server. */
export function invitationProblem(error: ProblemError, t: (key: string) => string): InvitationProblem {
  const code = known.find((one) => one === error.code);
  if (!code) return { title: t("invite.problem.title"), text: error.message, passing: true };
  return { title: t(`invite.problem.${code}.title`), text: t(`invite.problem.${code}.text`), passing: false };
}
