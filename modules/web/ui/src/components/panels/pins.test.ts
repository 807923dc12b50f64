import { expect, it } from "vitest";

import { at, channelMessage } from "@/client/testing/people";

import { mergePins } from "./pins";

it("has what is pinned now, the one pinned last first", () => {
  const fetched = [channelMessage({ seq: 2, pinnedAt: at(20) }), channelMessage({ seq: 1, pinnedAt: at(10) }), channelMessage({ seq: 3, pinnedAt: at(5) })];
  const atHand = [
    channelMessage({ seq: 1 }),
    channelMessage({ seq: 3, pinnedAt: at(5), deletedAt: at(30) }),
    channelMessage({ seq: 4, pinnedAt: at(30) }),
    channelMessage({ seq: 5 }),
  ];
  expect(mergePins(fetched, atHand).map((m) => m.seq)).toEqual([4, 2]);
});
