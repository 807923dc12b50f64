import { computed, nextTick, type ShallowRef, shallowRef, watch } from "vue";

import type { Conversation, Message, Place } from "@/client";
import { useParley } from "@/stores/parley";

import { compare, type Row, RowMaker } from "./rows";

/** What the list shows. */
export interface Rows {
  readonly rows: Row[];
  /** They differ at their beginning from those before: positions are kept as seen from the end. */
  readonly shift: boolean;
  /** Changes when another part of the place is shown, of which nothing is known but the rows. */
  readonly part: number;
}

/**
 * The rows of a place, as they change. unreadAfter is the seq after which the line of what is unread is drawn. Users who are named and not known are
 * fetched.
 */
export function useRows(place: Place, conversation: Readonly<{ value: Conversation }>, unreadAfter: Readonly<{ value: number | undefined }>): Readonly<ShallowRef<Rows>> {
  const parley = useParley();
  const maker = new RowMaker();
  const shown = shallowRef<Rows>({ rows: [], shift: false, part: 0 });
  const me = computed(() => parley.me?.id ?? 0);

  function make(): Row[] {
    const { segment, pending } = conversation.value;
    return maker.rows(segment.messages, segment.hasNewer ? [] : pending, me.value, unreadAfter.value);
  }

  function update(): void {
    const rows = make();
    const { rows: before, part } = shown.value;
    const { replaced, atStart } = compare(before, rows);
    if (replaced) {
      shown.value = { rows, shift: false, part: part + 1 };
    } else if (atStart !== 0 && rows.length - before.length !== atStart) {
      // The list keeps positions as seen from one end at a time: first what is different at the beginning, then the rest.
      shown.value = { rows: atStart > 0 ? [...rows.slice(0, atStart), ...before] : before.slice(-atStart), shift: true, part };
      void nextTick(update);
    } else {
      shown.value = { rows, shift: atStart !== 0, part };
    }
  }

  watch([conversation, me, unreadAfter], update, { immediate: true });
  useNamedUsers(place, () => conversation.value.segment.messages);
  return shown;
}

/** Fetches those who are named in messages and not known. */
function useNamedUsers(place: Place, messages: () => readonly Message[]): void {
  const parley = useParley();
  const seen = new WeakSet<Message>();

  function look(list: readonly Message[]): void {
    const unknown = new Set<number>();
    for (const message of list) {
      if (seen.has(message)) continue;
      seen.add(message);
      for (const id of namedIn(message)) if (!parley.client.user(id)) unknown.add(id);
    }
    // Without them, names are missing for a while: the next messages ask again.
    if (unknown.size > 0) void parley.client.loadUsers(unknown).catch(() => undefined);
  }

  if (place.kind === "channel") watch(messages, look, { immediate: true });
}

function namedIn(message: Message): number[] {
  if (!("channelId" in message)) return [];
  const { senderId, mentions, pinnedBy, reactions } = message;
  return [senderId, ...(mentions?.users ?? []), ...(pinnedBy === undefined ? [] : [pinnedBy]), ...(reactions ?? []).flatMap((r) => r.userIds)];
}
