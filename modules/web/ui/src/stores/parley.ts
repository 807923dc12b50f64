import { defineStore } from "pinia";
import { computed, shallowRef, type ShallowRef } from "vue";

import { keyOf, type Id, type Parley, type Place, type Topic } from "@/client";

export { keyOf };

/**
 * The client, as Vue sees it. The client knows no framework and says by topic what has changed; here every topic is a reactive
 * counter, and whoever reads something of a topic through this store is computed anew when the topic changes. Nothing is copied.
 */
export const useParley = defineStore("parley", () => {
  const current = shallowRef<Parley>();
  const versions = new Map<Topic, ShallowRef<number>>();
  let unsubscribe: (() => void) | undefined;

  function version(topic: Topic): ShallowRef<number> {
    let ref = versions.get(topic);
    if (!ref) versions.set(topic, (ref = shallowRef(0)));
    return ref;
  }

  /** Gives the store its client, in the place of the one that it had. */
  function use(parley: Parley): void {
    unsubscribe?.();
    current.value = parley;
    unsubscribe = parley.subscribe((changed) => {
      for (const topic of changed) {
        const ref = versions.get(topic);
        if (ref) ref.value++;
      }
    });
  }

  /** The client itself, for what it can be asked for. */
  const client = computed((): Parley => {
    if (!current.value) throw new Error("the store has no client yet: call use() first");
    return current.value;
  });

  /** Reads something of the client, to be read again whenever the topic changes. */
  function read<T>(topic: Topic, what: (parley: Parley) => T): T {
    void version(topic).value;
    return what(client.value);
  }

  return {
    use,
    client,
    me: computed(() => read("session", (p) => p.me)),
    server: computed(() => read("session", (p) => p.server)),
    connection: computed(() => read("connection", (p) => p.connection)),
    groups: computed(() => read("groups", (p) => p.groups)),
    chats: computed(() => read("chats", (p) => p.chats)),
    moreChats: computed(() => read("chats", (p) => p.moreChats)),
    group: (id: Id) => read("groups", (p) => p.group(id)),
    channel: (id: Id) => read("groups", (p) => p.channel(id)),
    chat: (userId: Id) => read("chats", (p) => p.chat(userId)),
    role: (groupId: Id) => read("groups", (p) => p.role(groupId)),
    conversation: (place: Place) => read(keyOf(place), (p) => p.conversation(place)),
    user: (id: Id) => read("users", (p) => p.user(id)),
    members: (groupId: Id) => read(`members:${groupId}`, (p) => p.members(groupId)),
    presence: (userId: Id) => read("presence", (p) => p.presence(userId)),
    typing: (channelId: Id) => read(`typing:${channelId}`, (p) => p.typing(channelId)),
  };
});
