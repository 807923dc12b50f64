import type { Id, Message, Role } from "@/client";
import type { IconName } from "@/components/base/icons";
import { isOfChannel } from "@/components/conversation/place";
import { can } from "@/permissions";

/** What can be done with a message. */
export type MessageAction = "react" | "reply" | "thread" | "edit" | "pin" | "unpin" | "copy" | "link" | "reactors" | "edits" | "delete";

export const actionIcons: Record<MessageAction, IconName> = {
  react: "smile", reply: "reply", thread: "thread", edit: "edit", pin: "pin", unpin: "pin", copy: "copy", link: "link", reactors: "users", edits: "clock", delete: "trash",
};

/** What a user may do with a message, in the order of a menu; role is the user's in the message's group. */
export function actionsOf(message: Message, me: Id, role: Role | undefined): MessageAction[] {
  if (!isOfChannel(message)) return ["copy", "link"];
  if (message.deletedAt !== undefined) return ["link"];
  const mine = message.senderId === me;
  const actions: [MessageAction, boolean][] = [
    ["react", true],
    ["reply", true],
    ["thread", true],
    ["edit", mine],
    ["pin", message.pinnedAt === undefined],
    ["unpin", message.pinnedAt !== undefined],
    ["copy", true],
    ["link", true],
    ["reactors", (message.reactions?.length ?? 0) > 0],
    ["edits", message.editedAt !== undefined && can(role, "moderate-messages")],
    ["delete", mine || can(role, "moderate-messages")],
  ];
  return actions.flatMap(([action, may]) => (may ? action : []));
}

/** The action that a key stands for while a message has the focus. */
export function actionOfKey(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">): MessageAction | undefined {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const actions: Record<string, MessageAction> = { r: "reply", t: "thread", e: "edit", "+": "react", Delete: "delete" };
  return actions[event.key];
}
