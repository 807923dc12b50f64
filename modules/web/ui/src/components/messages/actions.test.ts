import { describe, expect, it } from "vitest";

import type { Message, Role } from "@/client";
import { at, channelMessage, personalMessage } from "@/client/testing/people";

import { actionOfKey, actionsOf, type MessageAction } from "./actions";

const mine = channelMessage({ seq: 1, senderId: 1 });
const others = channelMessage({ seq: 1, senderId: 2 });
const everybody: MessageAction[] = ["react", "reply", "thread", "pin", "copy", "link"];

const cases: [what: string, message: Message, role: Role, actions: MessageAction[]][] = [
  ["one's own", mine, "member", ["react", "reply", "thread", "edit", "pin", "copy", "link", "delete"]],
  ["somebody else's", others, "member", everybody],
  ["somebody else's, for an admin", others, "admin", [...everybody, "delete"]],
  ["somebody else's, for an owner", others, "owner", [...everybody, "delete"]],
  ["an edited one", { ...others, editedAt: at(1) }, "member", everybody],
  ["an edited one, for an admin", { ...others, editedAt: at(1) }, "admin", [...everybody, "edits", "delete"]],
  ["a pinned one", { ...others, pinnedAt: at(1) }, "member", ["react", "reply", "thread", "unpin", "copy", "link"]],
  [
    "one with reactions", { ...others, reactions: [{ emoji: "👍", count: 1, mine: false, userIds: [2] }] }, "member",
    [...everybody, "reactors"],
  ],
  ["a deleted one", { ...mine, content: "", deletedAt: at(1) }, "owner", ["link"]],
  ["a personal one", personalMessage({ seq: 1, senderId: 1, receiverId: 2 }), "member", ["copy", "link"]],
];

describe("what may be done with a message", () => {
  it.each(cases)("%s", (_, message, role, actions) => {
    expect(actionsOf(message, 1, role)).toEqual(actions);
  });
});

describe("keys", () => {
  const none = { ctrlKey: false, metaKey: false, altKey: false };
  it("stand for actions, but not with Ctrl or Alt", () => {
    expect(actionOfKey({ ...none, key: "r" })).toBe("reply");
    expect(actionOfKey({ ...none, key: "r", ctrlKey: true })).toBeUndefined();
    expect(actionOfKey({ ...none, key: "x" })).toBeUndefined();
  });
});
