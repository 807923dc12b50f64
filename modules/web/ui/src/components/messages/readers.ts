import { computed, type ComputedRef, shallowRef } from "vue";

import type { Id, Place } from "@/client";
import { useParley } from "@/stores/parley";

import type { Reader } from "./receipts";

/** Who else may read a place, as far as all of them are known: for whom a message is. */
export function useReaders(place: Place): ComputedRef<readonly Reader[] | undefined> {
  const parley = useParley();
  const privately = usePrivateReaders(place);
  return computed(() => {
    const me = parley.me?.id;
    if (place.kind === "direct") return place.id === me ? [] : [{ id: place.id, joinedAt: "" }];
    const channel = parley.channel(place.id);
    if (!channel) return undefined;
    if (channel.private) return privately.value?.filter((reader) => reader.id !== me);
    const { members, complete } = parley.members(channel.groupId);
    if (!complete) return undefined;
    return [...members.values()].flatMap(({ user, joinedAt }) => (user.id === me ? [] : { id: user.id, joinedAt }));
  });
}

/** Those who are in a private channel, if it is one, fetched once. A large one stays unknown: what is said about it then is less exact. */
function usePrivateReaders(place: Place): Readonly<{ value: readonly Reader[] | undefined }> {
  const parley = useParley();
  const readers = shallowRef<readonly Reader[]>();
  const channel = place.kind === "channel" ? parley.channel(place.id) : undefined;
  if (channel?.private) {
    parley.client.api.channelMembers(channel.groupId, channel.id).then(
      ({ items, next }) => {
        if (next === undefined) readers.value = items.map(({ user, joinedAt }): { id: Id; joinedAt: string } => ({ id: user.id, joinedAt }));
      },
      () => undefined, // as with a large one
    );
  }
  return readers;
}
