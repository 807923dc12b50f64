import type { Conversation, Id, Time } from "@/client";

/** Somebody who may read a place, and since when. */
export interface Reader {
  id: Id;
  joinedAt: Time;
}

/** What has become of a message of one's own. */
export interface Receipt {
  /** "delivered": somebody has got it. "read": everybody for whom it was has read it. */
  step: "sent" | "delivered" | "read";
  /** How many have read it, and how many have got it, those who have read it among them. */
  read: number;
  delivered: number;
  /** For how many it was: those who could read the place already. Unknown in large groups. */
  of?: number;
}

/**
 * Says how far a message of one's own has got. readers are those of the place without oneself, undefined if not all are known; then nobody can say
 * that all have read it.
 */
export function receiptOf(
  message: { seq: number; createdAt: Time },
  { receipts, counts }: Pick<Conversation, "receipts" | "counts">,
  readers: readonly Reader[] | undefined,
): Receipt {
  let [read, delivered, of] = [0, 0, 0];
  for (const reader of readers ?? [...receipts.keys()].map((id) => ({ id, joinedAt: "" }))) {
    if (reader.joinedAt > message.createdAt) continue;
    of++;
    const got = receipts.get(reader.id);
    if (!got) continue;
    if (got.readSeq >= message.seq) read++;
    if (Math.max(got.readSeq, got.deliveredSeq) >= message.seq) delivered++;
  }
  read = Math.max(read, counted(counts.READ, message.seq));
  delivered = Math.max(delivered, read, counted(counts.DELIVERED, message.seq));
  const step = readers && of > 0 && read >= of ? "read" : delivered > 0 ? "delivered" : "sent";
  return readers ? { step, read, delivered, of } : { step, read, delivered };
}

/** A count is of how many have got at least so far, oneself included. */
function counted(report: { upToSeq: number; count: number } | undefined, seq: number): number {
  return report && seq <= report.upToSeq ? Math.max(0, report.count - 1) : 0;
}
