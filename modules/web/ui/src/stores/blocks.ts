import { defineStore } from "pinia";
import { shallowRef } from "vue";

import type { Block, Id, User } from "@/client";

import { useParley } from "./parley";

/** Whom the user has blocked. */
export const useBlocks = defineStore("blocks", () => {
  const parley = useParley();
  /** By user; undefined before they were fetched. */
  const blocks = shallowRef<ReadonlyMap<Id, Block>>();

  /** Fetches all blocks, also to learn what another device has changed. Fails with a ProblemError. */
  async function load(): Promise<void> {
    const all = new Map<Id, Block>();
    let page: string | undefined;
    do {
      const { items, next } = await parley.client.api.blocks(page);
      for (const block of items) all.set(block.user.id, block);
      page = next;
    } while (page !== undefined);
    blocks.value = all;
  }

  /** What changes one block needs to know the others, or they would look as if there were none. */
  async function known(): Promise<void> {
    if (!blocks.value) await load();
  }

  /** Whether the user has blocked somebody, as far as it is known. */
  function isBlocked(id: Id): boolean {
    return blocks.value ? blocks.value.has(id) : (parley.chat(id)?.blocked ?? false);
  }

  /** Fails with a ProblemError. */
  async function block(user: User): Promise<void> {
    await known();
    await parley.client.api.block(user.id);
    blocks.value = new Map(blocks.value).set(user.id, { user, createdAt: new Date().toISOString() });
  }

  /** Fails with a ProblemError. */
  async function unblock(id: Id): Promise<void> {
    await known();
    await parley.client.api.unblock(id);
    const left = new Map(blocks.value);
    left.delete(id);
    blocks.value = left;
  }

  return { blocks, load, isBlocked, block, unblock };
});
