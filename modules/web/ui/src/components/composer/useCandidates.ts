import { computed, ref, toValue, watch, type ComputedRef, type MaybeRefOrGetter } from "vue";

import type { Id, Place, User } from "@/client";
import { useParley } from "@/stores/parley";

/** A private channel with more members than this is completed from the first ones only. */
const maxPages = 4;

/** Who can be mentioned in a place, once load was called: those who may read the channel, without oneself. Nobody in a personal chat. */
export function useCandidates(place: MaybeRefOrGetter<Place>): {
  users: ComputedRef<readonly User[]>;
  /** Lower is better: who has spoken lately comes first. */
  rank: (id: Id) => number;
  load: () => Promise<void>;
} {
  const parley = useParley();
  const channel = computed(() => {
    const { kind, id } = toValue(place);
    return kind === "channel" ? parley.channel(id) : undefined;
  });
  /** Of a private channel, who is in it. */
  const insiders = ref<ReadonlySet<Id>>();

  const users = computed((): readonly User[] => {
    if (!channel.value) return [];
    const all = [...parley.members(channel.value.groupId).members.values()].map((m) => m.user);
    return all.filter((u) => u.id !== parley.me?.id && (insiders.value?.has(u.id) ?? true));
  });

  const spoken = computed(() => {
    const order = new Map<Id, number>();
    for (const { senderId } of [...parley.conversation(toValue(place)).segment.messages].reverse()) {
      if (!order.has(senderId)) order.set(senderId, order.size);
    }
    return order;
  });

  watch(() => channel.value?.id, () => (insiders.value = undefined));

  /** Fetches who is there, unless they are known. */
  async function load(): Promise<void> {
    const { id, groupId, private: closed } = channel.value ?? {};
    if (id === undefined || groupId === undefined) return;
    await parley.client.loadMembers(groupId);
    if (!closed || insiders.value) return;
    const ids = new Set<Id>();
    let page: string | undefined;
    for (let i = 0; i < maxPages && (i === 0 || page); i++) {
      const { items, next } = await parley.client.api.channelMembers(groupId, id, page);
      for (const { user } of items) ids.add(user.id);
      page = next;
    }
    if (channel.value?.id === id) insiders.value = ids;
  }

  return { users, rank: (id) => spoken.value.get(id) ?? Number.MAX_SAFE_INTEGER, load };
}
