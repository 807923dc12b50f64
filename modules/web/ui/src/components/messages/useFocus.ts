import { nextTick, onBeforeUnmount, shallowRef, type ShallowRef } from "vue";

import { type ChannelMessage, type Id, type Message, type Place, ProblemError } from "@/client";
import { useToasts } from "@/components/base/toasts";
import { useParley } from "@/stores/parley";

import { indexOf, type Row } from "./rows";
import type { Scroll } from "./useScroll";

/** How long a message that was jumped to is set off, in milliseconds; the row's animation takes as long. */
const highlightFor = 2_400;

export interface Focus {
  /** The seq of the message that was just jumped to. */
  readonly highlighted: Readonly<ShallowRef<number | undefined>>;
  /** Jumps to a message, also if it is in a part of the place that is not here. */
  jump(seq: number): Promise<void>;
  /** Jumps to what a message answers, by its id. */
  jumpToAnswered(to: Id, from: ChannelMessage): Promise<void>;
  toNewest(): Promise<void>;
}

/** Jumps to messages. What keeps one from being reached is said in a note. */
export function useFocus(place: Place, rows: () => readonly Row[], find: (id: Id) => Message | undefined, scroll: Scroll): Focus {
  const parley = useParley();
  const toasts = useToasts();
  const highlighted = shallowRef<number>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function orSay(request: () => Promise<void>): Promise<void> {
    try {
      await request();
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      toasts.show(error.message, { tone: "danger" });
    }
  }

  function jump(seq: number): Promise<void> {
    return orSay(async () => {
      if (indexOf(rows(), seq) < 0) {
        await parley.client.jumpTo(place, seq);
        await nextTick();
      }
      const index = indexOf(rows(), seq);
      if (index < 0) return;
      scroll.toRow(index, { align: "center" });
      highlighted.value = seq;
      clearTimeout(timer);
      timer = setTimeout(() => {
        highlighted.value = undefined;
      }, highlightFor);
    });
  }

  function jumpToAnswered(to: Id, from: ChannelMessage): Promise<void> {
    const here = find(to);
    if (here) return jump(here.seq);
    // Only its id is known: its thread knows where it is.
    return orSay(async () => {
      const { root, messages } = await parley.client.api.thread(from);
      const answered = [root, ...messages].find((message) => message.messageId === to);
      await jump((answered ?? root).seq);
    });
  }

  function toNewest(): Promise<void> {
    return orSay(async () => {
      if (parley.client.conversation(place).segment.hasNewer) {
        await parley.client.jumpToNewest(place);
        await nextTick();
      }
      scroll.toEnd();
    });
  }

  onBeforeUnmount(() => {
    clearTimeout(timer);
  });

  return { highlighted, jump, jumpToAnswered, toNewest };
}
