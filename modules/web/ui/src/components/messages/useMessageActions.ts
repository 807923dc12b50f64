import { shallowRef, type ShallowRef } from "vue";
import { useI18n } from "petite-vue-i18n";
import { useRouter } from "vue-router";

import { type ChannelMessage, type Id, type Message, ProblemError, type Role } from "@/client";
import { useConfirm } from "@/components/base/confirm";
import { useToasts } from "@/components/base/toasts";
import { isOfChannel, routeTo } from "@/components/conversation/place";
import { useParley } from "@/stores/parley";

import { actionsOf, type MessageAction } from "./actions";
import { useRecentEmoji } from "./emoji/recentEmoji";

/** What is asked about a message in a dialog. */
export interface Asked {
  kind: "recipients" | "reactors" | "edits";
  message: Message;
}

export interface Actions {
  /** The message that is being edited. */
  readonly editing: ShallowRef<Id | undefined>;
  readonly asked: ShallowRef<Asked | undefined>;
  /** An emoji is being picked for the message, beside the anchor. */
  readonly picking: ShallowRef<{ message: ChannelMessage; anchor: Element } | undefined>;
  allowed(message: Message): MessageAction[];
  /** Does what is allowed, and nothing else. */
  act(action: MessageAction, message: Message, anchor: Element): void;
  react(message: ChannelMessage, emoji: string, on: boolean): void;
}

/** Does what is asked of messages. What the server refuses is said in a note. */
export function useMessageActions(emit: { (event: "reply" | "thread", message: ChannelMessage): void }): Actions {
  const { t } = useI18n();
  const router = useRouter();
  const parley = useParley();
  const confirm = useConfirm();
  const toasts = useToasts();
  const recent = useRecentEmoji();

  const editing = shallowRef<Id>();
  const asked = shallowRef<Asked>();
  const picking = shallowRef<{ message: ChannelMessage; anchor: Element }>();

  async function orSay(request: Promise<unknown>, done?: string): Promise<void> {
    try {
      await request;
      if (done !== undefined) toasts.show(done, { tone: "success" });
    } catch (error) {
      toasts.show(error instanceof ProblemError ? error.message : t("messages.failed.unknown"), { tone: "danger" });
    }
  }

  function allowed(message: Message): MessageAction[] {
    const role: Role | undefined = isOfChannel(message) ? parley.role(message.groupId) : undefined;
    return actionsOf(message, parley.me?.id ?? 0, role);
  }

  function react(message: ChannelMessage, emoji: string, on: boolean): void {
    if (on) recent.use(emoji);
    void orSay(parley.client.react(message, emoji, on));
  }

  async function remove(message: ChannelMessage): Promise<void> {
    const sure = await confirm({ title: t("messages.delete.title"), text: t("messages.delete.text"), action: t("messages.delete.action"), danger: true });
    if (sure) await orSay(parley.client.remove(message));
  }

  function copyLink(message: Message): void {
    const { href } = router.resolve(routeTo(message, parley.me?.id ?? 0));
    void orSay(navigator.clipboard.writeText(new URL(href, location.href).href), t("messages.linkCopied"));
  }

  function actInChannel(action: MessageAction, message: ChannelMessage, anchor: Element): void {
    switch (action) {
      case "react":
        picking.value = { message, anchor };
        break;
      case "reply":
      case "thread":
        emit(action, message);
        break;
      case "edit":
        editing.value = message.messageId;
        break;
      case "pin":
      case "unpin":
        void orSay(parley.client.pin(message, action === "pin"));
        break;
      case "reactors":
      case "edits":
        asked.value = { kind: action, message };
        break;
      case "delete":
        void remove(message);
        break;
    }
  }

  function act(action: MessageAction, message: Message, anchor: Element): void {
    if (!allowed(message).includes(action)) return;
    if (action === "copy") void orSay(navigator.clipboard.writeText(message.content), t("messages.textCopied"));
    else if (action === "link") copyLink(message);
    else if (isOfChannel(message)) actInChannel(action, message, anchor);
  }

  return { editing, asked, picking, allowed, act, react };
}
