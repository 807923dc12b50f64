import { computed, ref, toValue, type ComputedRef, type MaybeRefOrGetter } from "vue";

import type { Id, Place, User } from "@/client";
import { useChannelMembers } from "@/components/group/channelMembers";
import { useParley } from "@/stores/parley";

/** Who can be mentioned in a place, once load was called: those who may read the channel, without oneself. Nobody in a personal chat. */
export function useCandidates(place: MaybeRefOrGetter<Place>): {
  users: ComputedRef<readonly User[]>;
  /** Lower is better: who has spoken lately comes first. */
  rank: (id: Id) => number;
  load: () => Promise<void>;
} {
  const parley = useParley();
  const wanted = ref(false);
  const channel = computed(() => {
    const { kind, id } = toValue(place);
    return kind === "channel" ? parley.channel(id) : undefined;
  });
  const insiders = useChannelMembers(() => (wanted.value ? channel.value : undefined));

  const users = computed((): readonly User[] => {
    if (!channel.value) return [];
    const all = [...parley.members(channel.value.groupId).members.values()].map((m) => m.user);
    const inside = channel.value.private ? insiders.members.value : undefined;
    return all.filter((u) => u.id !== parley.me?.id && (inside?.has(u.id) ?? true));
  });

  const spoken = computed(() => {
    const order = new Map<Id, number>();
    for (const { senderId } of [...parley.conversation(toValue(place)).segment.messages].reverse()) {
      if (!order.has(senderId)) order.set(senderId, order.size);
    }
    return order;
  });

  /** Fetches who is there, unless they are known. */
  async function load(): Promise<void> {
    wanted.value = true;
    if (channel.value) await parley.client.loadMembers(channel.value.groupId);
  }

  return { users, rank: (id) => spoken.value.get(id) ?? Number.MAX_SAFE_INTEGER, load };
}
