import { type ComputedRef, inject, type InjectionKey, type ShallowRef } from "vue";

import type { ChannelMessage, Id, Message, Place } from "@/client";

import type { Reader } from "./receipts";

/** What the messages of a place share, wherever they are listed; MessageActions gives it to the rows within it. */
export interface MessageContext {
  readonly place: Place;
  /** A message that is at hand, by its id. */
  find(messageId: Id): Message | undefined;
  /** Who else may read the place, undefined if not all are known. */
  readonly readers: ComputedRef<readonly Reader[] | undefined>;
  /** The message that is being edited. */
  readonly editing: Readonly<ShallowRef<Id | undefined>>;
  stopEditing(): void;
  react(message: ChannelMessage, emoji: string, on: boolean): void;
  /** Lets the user pick an emoji for a message, beside the anchor. */
  pickReaction(message: ChannelMessage, anchor: Element): void;
  showRecipients(message: Message): void;
  showPerson(id: Id, anchor: Element): void;
}

export const messageContext: InjectionKey<MessageContext> = Symbol("messages");

/** What the rows around share; undefined where messages are only shown, as among the results of a search. */
export function useMessageContext(): MessageContext | undefined {
  return inject(messageContext, undefined);
}

