import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it } from "vitest";

import type { User } from "@/client";
import { fakeParley } from "@/client/testing/fake";
import { useBlocks } from "@/stores/blocks";
import { useParley } from "@/stores/parley";

beforeEach(() => {
  setActivePinia(createPinia());
});

const at = "2026-01-01T00:00:00.000Z";
const blocked = [2, 3].map((id): User => ({ id, username: `user${id}`, displayName: `User ${id}`, createdAt: at }));

describe("blocks", () => {
  it("knows the others when one is taken back before any was asked for", async () => {
    useParley().use(fakeParley({ api: { blocks: () => Promise.resolve({ items: blocked.map((user) => ({ user, createdAt: at })) }) } }));
    const blocks = useBlocks();
    await blocks.unblock(2);
    expect(blocks.isBlocked(2)).toBe(false);
    expect(blocks.isBlocked(3)).toBe(true);
  });

  it("changes nothing if the others cannot be asked for", async () => {
    const client = fakeParley();
    client.failNext("api.blocks", { code: "unavailable", status: 503, detail: "away" });
    useParley().use(client);
    await expect(useBlocks().unblock(2)).rejects.toThrow("away");
    expect(client.called("api.unblock")).toEqual([]);
  });
});
