import { computed, onScopeDispose, shallowRef, watch, type ComputedRef } from "vue";

import type { ChannelMessage, Id, OpenChannel, Pending, Place } from "@/client";
import { type Submission, useSubmission } from "@/components/base/submission";
import { isOfChannel } from "@/components/conversation/place";
import { useParley } from "@/stores/parley";

/** A thread as it is now: the message that begins it, and the replies from the first one on. */
export interface ThreadView {
  root: ComputedRef<ChannelMessage | undefined>;
  replies: ComputedRef<readonly ChannelMessage[]>;
  /** One's own replies that are not confirmed yet. */
  pending: ComputedRef<readonly Pending[]>;
  /** There are later replies on the server. */
  hasMore: ComputedRef<boolean>;
  loading: Submission;
  /** Fetches the next replies. */
  more(): Promise<void>;
}

/** What the server has said of the thread. */
interface Fetched {
  root: ChannelMessage;
  replies: readonly ChannelMessage[];
  hasMore: boolean;
}

/**
 * Keeps a thread up to date: what the server says of it, new replies that arrive in its channel, and of everything the latest that is known.
 * messageId is any message of the thread.
 */
export function useThread(channel: () => OpenChannel, messageId: Id): ThreadView {
  const parley = useParley();
  const loading = useSubmission();
  const fetched = shallowRef<Fetched>();
  const { id: channelId, groupId } = channel();
  const place: Place = { kind: "channel", id: channelId };

  const segment = computed(() => parley.conversation(place).segment.messages.filter(isOfChannel));
  /** The messages of the channel that are at hand, by their id: they are as they are now, also after an edit. */
  const atHand = computed(() => new Map(segment.value.map((m) => [m.messageId, m])));
  const latest = (message: ChannelMessage): ChannelMessage => {
    const shown = atHand.value.get(message.messageId);
    // Only the server's answer about a thread has the number of replies for sure.
    return shown ? { ...shown, ...(shown.replies === undefined && message.replies !== undefined ? { replies: message.replies } : {}) } : message;
  };

  const root = computed(() => fetched.value && latest(fetched.value.root));
  const replies = computed((): readonly ChannelMessage[] => fetched.value?.replies.map(latest) ?? []);
  const ids = computed(() => new Set([root.value?.messageId, ...replies.value.map((m) => m.messageId)]));
  const pending = computed(() => parley.conversation(place).pending.filter((p) => p.replyTo !== undefined && ids.value.has(p.replyTo)));

  /** Takes in replies that are not here yet. */
  function merge(found: readonly ChannelMessage[], hasMore: boolean): void {
    const old = fetched.value;
    if (!old) return;
    const known = new Set(old.replies.map((m) => m.messageId));
    const added = found.filter((m) => m.threadId === old.root.messageId && !known.has(m.messageId));
    if (added.length === 0 && hasMore === old.hasMore) return;
    fetched.value = { ...old, replies: [...old.replies, ...added].sort((a, b) => a.seq - b.seq), hasMore };
  }

  async function load(): Promise<void> {
    const after = fetched.value?.replies.at(-1)?.seq;
    const answer = await loading.run(() => parley.client.api.thread({ messageId, channelId, groupId }, after));
    if (!answer) return;
    fetched.value ??= { root: answer.root, replies: [], hasMore: false };
    merge(answer.messages, answer.hasMore);
    await parley.client.loadUsers([answer.root, ...answer.messages].map((m) => m.senderId)).catch(() => undefined);
  }

  /** What arrives belongs behind what is here, unless there is something in between that was not fetched. */
  function arrived(messages: readonly ChannelMessage[]): void {
    if (parley.connection === "ready" && fetched.value && !fetched.value.hasMore) merge(messages, false);
  }

  watch(segment, arrived);
  // The channel may show another part of itself.
  onScopeDispose(parley.client.on("message", ({ message }) => {
    if (isOfChannel(message) && message.channelId === channelId) arrived([message]);
  }));
  // What was missed is fetched; at once, before something newer arrives and hides that there is a gap.
  watch(() => parley.connection === "ready", (ready) => {
    if (ready) void load();
  }, { flush: "sync" });
  // One's own reply does not arrive while the channel shows another part.
  watch(pending, (now, before) => {
    const confirmed = before.some((p) => p.state !== "failed" && !now.some((other) => other.hash === p.hash));
    const here = before.every((p) => now.includes(p) || replies.value.some((m) => m.hash === p.hash));
    if (confirmed && !here) void load();
  });
  void load();

  return { root, replies, pending, hasMore: computed(() => fetched.value?.hasMore ?? false), loading, more: load };
}
