import { shallowRef, toValue, watch, type MaybeRefOrGetter, type ShallowRef } from "vue";

import { ProblemError, type ChannelMember, type Id, type OpenChannel } from "@/client";
import { useParley } from "@/stores/parley";

export interface ChannelMembers {
  /** Who is in the channel, by user; undefined until all of it was fetched. */
  readonly members: Readonly<ShallowRef<ReadonlyMap<Id, ChannelMember> | undefined>>;
  readonly problem: Readonly<ShallowRef<ProblemError | undefined>>;
  /** Fetches them again: no event tells of others who come and go. */
  load(): Promise<void>;
  /** Lets somebody in. Fails with a ProblemError. */
  add(userId: Id): Promise<void>;
  /** Takes somebody out, or leaves. Fails with a ProblemError. */
  remove(userId: Id): Promise<void>;
}

/** The members of a private channel, fetched when the channel becomes known; of none, or of a public one, nobody. */
export function useChannelMembers(channel: MaybeRefOrGetter<OpenChannel | undefined>): ChannelMembers {
  const parley = useParley();
  const members = shallowRef<ReadonlyMap<Id, ChannelMember>>();
  const problem = shallowRef<ProblemError>();

  async function load(): Promise<void> {
    const { id, groupId } = toValue(channel) ?? {};
    if (id === undefined || groupId === undefined) return;
    problem.value = undefined;
    const all = new Map<Id, ChannelMember>();
    try {
      let page: string | undefined;
      do {
        const { items, next } = await parley.client.api.channelMembers(groupId, id, page);
        for (const member of items) all.set(member.user.id, member);
        page = next;
      } while (page !== undefined && toValue(channel)?.id === id);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      problem.value = error;
      return;
    }
    if (toValue(channel)?.id === id) members.value = all;
  }

  watch(() => (toValue(channel)?.private ? toValue(channel)?.id : undefined), (id) => {
    members.value = undefined;
    if (id !== undefined) void load();
  }, { immediate: true });

  /** Applies a change to what is known then, not to what was known when it was asked for. */
  function change(what: (all: Map<Id, ChannelMember>) => void): void {
    const all = new Map(members.value);
    what(all);
    members.value = all;
  }

  async function add(userId: Id): Promise<void> {
    const { id, groupId } = toValue(channel) ?? {};
    if (id === undefined || groupId === undefined) return;
    const member = await parley.client.api.addChannelMember(groupId, id, userId);
    change((all) => all.set(userId, member));
  }

  async function remove(userId: Id): Promise<void> {
    const { id, groupId } = toValue(channel) ?? {};
    if (id === undefined || groupId === undefined) return;
    await parley.client.api.removeChannelMember(groupId, id, userId);
    change((all) => all.delete(userId));
  }

  return { members, problem, load, add, remove };
}
