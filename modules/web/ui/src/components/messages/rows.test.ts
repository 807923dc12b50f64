import { describe, expect, it } from "vitest";

import type { ChannelMessage, Pending } from "@/client";
import { channelMessage } from "@/client/testing/people";

import { compare, indexOf, type Row, RowMaker } from "./rows";

const me = 1;
const noon = new Date(2026, 2, 2, 12).getTime();

/** A message some minutes after noon of a day, in the time zone of this device. */
function message(seq: number, minutes: number, more: Partial<ChannelMessage> = {}): ChannelMessage {
  return channelMessage({ seq, createdAt: new Date(noon + minutes * 60_000).toISOString(), ...more });
}

function pending(hash: string, minutes: number): Pending {
  return { hash, place: { kind: "channel", id: 1 }, content: hash, createdAt: new Date(noon + minutes * 60_000).toISOString(), state: "waiting" };
}

function rows(messages: ChannelMessage[], { waiting = [] as Pending[], unreadAfter }: { waiting?: Pending[]; unreadAfter?: number } = {}): Row[] {
  return new RowMaker().rows(messages, waiting, me, unreadAfter);
}

describe("messages of one author", () => {
  const cases: [what: string, second: ChannelMessage, continued: boolean][] = [
    ["a moment later", message(2, 1), true],
    ["just in time", message(2, 4.99), true],
    ["five minutes later", message(2, 5), false],
    ["of somebody else", message(2, 1, { senderId: 3 }), false],
    ["an answer", message(2, 1, { replyTo: 7 }), false],
    ["deleted", message(2, 1, { content: "", deletedAt: "2026-03-02T13:00:00.000Z" }), true],
  ];
  it.each(cases)("%s", (_, second, continued) => {
    expect(rows([message(1, 0), second]).map((r) => r.continued)).toEqual([false, continued]);
  });

  it("are not together across midnight, nor across the line of what is unread", () => {
    expect(rows([message(1, 719), message(2, 721)])[1]).toMatchObject({ continued: false, startsDay: true });
    expect(rows([message(1, 0), message(2, 1)], { unreadAfter: 1 })[1]).toMatchObject({ continued: false, unread: true });
  });

  it("may be pending", () => {
    const [, waiting] = rows([message(1, 0, { senderId: me })], { waiting: [pending("a", 1)] });
    expect(waiting).toMatchObject({ continued: true, seq: 0, senderId: me, key: "ha" });
  });
});

describe("days", () => {
  it("begin with the first message, and with the first one after a midnight", () => {
    const list = rows([message(1, 0), message(2, 60), message(3, 720), message(4, 721), message(5, 3 * 1440)]);
    expect(list.map((r) => r.startsDay)).toEqual([true, false, true, false, true]);
  });
});

describe("the line of what is unread", () => {
  const list = [message(1, 0), message(2, 1, { senderId: me }), message(3, 2), message(4, 3)];
  const cases: [what: string, unreadAfter: number | undefined, at: number[]][] = [
    ["is before the first unread message", 2, [3]],
    ["is not before one's own", 1, [3]],
    ["is nowhere if all is read", 4, []],
    ["is nowhere if there is none", undefined, []],
    ["is at the very beginning if nothing is read", 0, [1]],
  ];
  it.each(cases)("%s", (_, unreadAfter, at) => {
    const marked = rows(list, unreadAfter === undefined ? {} : { unreadAfter }).filter((r) => r.unread);
    expect(marked.map((r) => r.seq)).toEqual(at);
  });
});

describe("rows", () => {
  it("are the same as before unless their message or its neighbours are others", () => {
    const maker = new RowMaker();
    const list = [message(1, 0), message(2, 1), message(3, 2)];
    const before = maker.rows(list, [], me, undefined);
    const after = maker.rows([message(0, -1), list[0]!, { ...list[1]!, content: "edited" }, list[2]!], [], me, undefined);
    expect(after[1]).not.toBe(before[0]); // continues the new one
    expect(after[2]).not.toBe(before[1]);
    expect(after[3]).toBe(before[2]);
  });

  it("of one's own keep their key when they are confirmed", () => {
    const [waiting] = rows([], { waiting: [pending("a", 0)] });
    const [confirmed] = rows([message(1, 0, { senderId: me, hash: "a" })]);
    expect(confirmed!.key).toBe(waiting!.key);
  });

  it("are found by their seq", () => {
    const list = rows([message(5, 0), message(6, 1)], { waiting: [pending("a", 2)] });
    expect([4, 5, 6, 7, 0].map((seq) => indexOf(list, seq))).toEqual([-1, 0, 1, -1, -1]);
    expect(indexOf([], 1)).toBe(-1);
  });
});

describe("compare", () => {
  const part = (from: number, to: number) => rows(Array.from({ length: to - from + 1 }, (_, i) => message(from + i, i)));
  const cases: [what: string, before: Row[], after: Row[], change: ReturnType<typeof compare>][] = [
    ["older ones", part(10, 20), part(5, 20), { replaced: false, atStart: 5 }],
    ["newer ones", part(10, 20), part(10, 22), { replaced: false, atStart: 0 }],
    ["both", part(10, 20), part(5, 22), { replaced: false, atStart: 5 }],
    ["fewer at the beginning", part(10, 20), part(15, 20), { replaced: false, atStart: -5 }],
    ["another part", part(10, 20), part(50, 60), { replaced: true, atStart: 0 }],
    ["the first ones", [], part(1, 5), { replaced: true, atStart: 0 }],
    ["the first message of all is confirmed", rows([], { waiting: [pending("a", 1)] }), part(1, 1), { replaced: false, atStart: 0 }],
    ["nothing", part(1, 5), part(1, 5), { replaced: false, atStart: 0 }],
    ["none at all", [], [], { replaced: false, atStart: 0 }],
  ];
  it.each(cases)("%s", (_, before, after, change) => {
    expect(compare(before, after)).toEqual(change);
  });
});
