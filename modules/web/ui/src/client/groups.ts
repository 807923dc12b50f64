import type { Changes } from "./changes.js";
import type { Channel, Group, GroupInfo, Id, OpenChannel, Role } from "./types.js";

/** The groups of the user and the channels in them, each as it is told or as the user's own events make it. */
export class Groups {
  readonly #changes: Changes;
  readonly #groups = new Map<Id, Group>();
  readonly #groupOf = new Map<Id, Id>();
  #list: readonly Group[] | undefined;

  constructor(changes: Changes) {
    this.#changes = changes;
  }

  /** In the order of their ids. */
  get list(): readonly Group[] {
    return (this.#list ??= [...this.#groups.values()].sort((a, b) => a.id - b.id));
  }

  get(id: Id): Group | undefined {
    return this.#groups.get(id);
  }

  channel(id: Id): OpenChannel | undefined {
    const groupId = this.#groupOf.get(id);
    return groupId === undefined ? undefined : this.#groups.get(groupId)?.channels.find((c) => c.id === id);
  }

  /** Takes the whole list, and returns what is not in it any more. */
  take(told: readonly Group[]): { groups: Group[]; channels: OpenChannel[] } {
    const before = [...this.#groups.values()];
    this.#groups.clear();
    this.#groupOf.clear();
    for (const group of told) this.#put(group);
    this.#changed();
    return {
      groups: before.filter((g) => !this.#groups.has(g.id)),
      channels: before.flatMap((g) => g.channels).filter((c) => !this.#groupOf.has(c.id)),
    };
  }

  /** Adds a group, or renews it but for how far its channels that are here already have got. Says whether it is new. */
  add(told: Group): boolean {
    const old = this.#groups.get(told.id);
    this.#put(old ? { ...told, channels: told.channels.map((c) => old.channels.find((o) => o.id === c.id) ?? c) } : told);
    this.#changed();
    return !old;
  }

  remove(id: Id): Group | undefined {
    const group = this.#groups.get(id);
    if (!group) return undefined;
    for (const channel of group.channels) this.#groupOf.delete(channel.id);
    this.#groups.delete(id);
    this.#changed();
    return group;
  }

  /** Takes over a group's name and description. */
  describe({ id, name, description }: GroupInfo): void {
    this.#change(id, (old) => ({ ...old, name, description }));
  }

  setRole(id: Id, role: Role): void {
    this.#change(id, (old) => (old.role === role ? old : { ...old, role }));
  }

  /** Adds a channel to its group, if that is here and the channel is not. */
  addChannel(told: Channel & Partial<OpenChannel>): boolean {
    if (!this.#groups.has(told.groupId) || this.#groupOf.has(told.id)) return false;
    const channel: OpenChannel = { readSeq: 0, unread: 0, mentions: 0, ...told };
    this.#change(told.groupId, (old) => ({ ...old, channels: [...old.channels, channel].sort((a, b) => a.id - b.id) }));
    this.#groupOf.set(told.id, told.groupId);
    return true;
  }

  updateChannel(id: Id, change: Partial<OpenChannel>): void {
    const groupId = this.#groupOf.get(id);
    if (groupId === undefined) return;
    this.#change(groupId, (old) => ({ ...old, channels: old.channels.map((c) => (c.id === id ? { ...c, ...change } : c)) }));
  }

  removeChannel(id: Id): OpenChannel | undefined {
    const channel = this.channel(id);
    if (!channel) return undefined;
    this.#change(channel.groupId, (old) => ({ ...old, channels: old.channels.filter((c) => c.id !== id) }));
    this.#groupOf.delete(id);
    return channel;
  }

  #put(group: Group): void {
    this.#groups.set(group.id, group);
    for (const channel of group.channels) this.#groupOf.set(channel.id, group.id);
  }

  #change(id: Id, how: (old: Group) => Group): void {
    const old = this.#groups.get(id);
    if (!old) return;
    const now = how(old);
    if (now === old) return;
    this.#groups.set(id, now);
    this.#changed();
  }

  #changed(): void {
    this.#list = undefined;
    this.#changes.note("groups");
  }
}
