import { describe, expect, it } from "vitest";

import type { Happenings, Place } from "@/client";
import { channelMessage, personalMessage } from "@/client/testing/people";

import { type Circumstances, defaultLevel, isTold, waitingFor } from "./rules";

const channel: Place = { kind: "channel", id: 1 };
const direct: Place = { kind: "direct", id: 2 };

function said(place: Place, mentionsMe = false): Happenings["message"] {
  const message = place.kind === "channel" ? channelMessage({ seq: 1 }) : personalMessage({ seq: 1 });
  return { place, message, mentionsMe };
}

const free: Circumstances = { allowed: true, level: "mentions", shown: false };

describe("isTold", () => {
  it.each<[string, Happenings["message"], Circumstances, boolean]>([
    ["a message of a channel", said(channel), free, false],
    ["a mention", said(channel, true), free, true],
    ["a message of a channel of which all are wanted", said(channel), { ...free, level: "all" }, true],
    ["a mention in a channel that is silent", said(channel, true), { ...free, level: "none" }, false],
    ["a personal message", said(direct), { ...free, level: "all" }, true],
    ["a personal message of somebody who is silent", said(direct), { ...free, level: "none" }, false],
    ["a mention that the user sees anyhow", said(channel, true), { ...free, shown: true }, false],
    ["a personal message that the user sees anyhow", said(direct), { ...free, level: "all", shown: true }, false],
    ["a mention without permission", said(channel, true), { ...free, allowed: false }, false],
  ])("%s", (_, happening, circumstances, told) => {
    expect(isTold(happening, circumstances)).toBe(told);
  });
});

it("tells by default of every personal message, and of mentions in channels", () => {
  expect(defaultLevel(direct)).toBe("all");
  expect(defaultLevel(channel)).toBe("mentions");
});

describe("waitingFor", () => {
  const groups = [{ channels: [{ id: 1, mentions: 2 }, { id: 2, mentions: 0 }] }, { channels: [{ id: 3, mentions: 1 }] }];
  const chats = [{ user: { id: 2 }, unread: 4 }];

  it("counts mentions and unread personal messages", () => {
    expect(waitingFor(groups, chats, defaultLevel)).toBe(7);
    expect(waitingFor([], [], defaultLevel)).toBe(0);
  });

  it("leaves out what is to be silent", () => {
    expect(waitingFor(groups, chats, (place) => (place.kind === "direct" ? "none" : "all"))).toBe(3);
  });
});
