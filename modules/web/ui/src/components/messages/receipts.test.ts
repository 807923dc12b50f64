import { describe, expect, it } from "vitest";

import { at } from "@/client/testing/people";

import { type Receipt, receiptOf, type Reader } from "./receipts";

type Got = Record<number, [deliveredSeq: number, readSeq: number]>;

const message = { seq: 5, createdAt: at(5) };
const readers = (...ids: number[]): Reader[] => ids.map((id) => ({ id, joinedAt: at(0) }));
const receipts = (got: Got) => new Map(Object.entries(got).map(([id, [deliveredSeq, readSeq]]) => [Number(id), { deliveredSeq, readSeq }]));

const cases: [what: string, got: Got, readers: Reader[] | undefined, counts: Parameters<typeof receiptOf>[1]["counts"], receipt: Receipt][] = [
  ["nobody has it", {}, readers(2), {}, { step: "sent", read: 0, delivered: 0, of: 1 }],
  ["they have an earlier one", { 2: [4, 4] }, readers(2), {}, { step: "sent", read: 0, delivered: 0, of: 1 }],
  ["they have it", { 2: [5, 4] }, readers(2), {}, { step: "delivered", read: 0, delivered: 1, of: 1 }],
  ["they have read it", { 2: [5, 5] }, readers(2), {}, { step: "read", read: 1, delivered: 1, of: 1 }],
  ["read takes in delivered", { 2: [0, 6] }, readers(2), {}, { step: "read", read: 1, delivered: 1, of: 1 }],
  ["one of two has read it", { 2: [5, 5], 3: [4, 0] }, readers(2, 3), {}, { step: "delivered", read: 1, delivered: 1, of: 2 }],
  ["both have", { 2: [5, 5], 3: [6, 6] }, readers(2, 3), {}, { step: "read", read: 2, delivered: 2, of: 2 }],
  ["who has joined since does not count", { 2: [5, 5] }, [...readers(2), { id: 3, joinedAt: at(6) }], {}, { step: "read", read: 1, delivered: 1, of: 1 }],
  ["who has left does not count", { 2: [5, 5], 4: [5, 5] }, readers(2, 3), {}, { step: "delivered", read: 1, delivered: 1, of: 2 }],
  ["to oneself", {}, [], {}, { step: "sent", read: 0, delivered: 0, of: 0 }],
  ["not all readers are known", { 2: [5, 5] }, undefined, {}, { step: "delivered", read: 1, delivered: 1 }],
  ["a large group", {}, undefined, { DELIVERED: { upToSeq: 6, count: 41 }, READ: { upToSeq: 5, count: 11 } }, { step: "delivered", read: 10, delivered: 40 }],
  ["a large group, earlier", {}, undefined, { READ: { upToSeq: 4, count: 11 } }, { step: "sent", read: 0, delivered: 0 }],
  ["only oneself in a large group", {}, undefined, { READ: { upToSeq: 5, count: 1 } }, { step: "sent", read: 0, delivered: 0 }],
];

describe("receiptOf", () => {
  it.each(cases)("%s", (_, got, of, counts, receipt) => {
    expect(receiptOf(message, { receipts: receipts(got), counts }, of)).toEqual(receipt);
  });
});
