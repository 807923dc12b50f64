import { describe, expect, it } from "vitest";

import { ProblemError } from "@/client";

import { useSubmission } from "./submission";

const taken = new ProblemError({
  type: "about:blank", title: "Not valid", status: 400, code: "validation_failed", detail: "The name is too long.", errors: [{ field: "name", message: "too long" }],
});
const refused = new ProblemError({ type: "about:blank", title: "Not allowed", status: 403, code: "forbidden" });

describe("a submission", () => {
  it("is busy while it works, and answers what the work does", async () => {
    const submission = useSubmission();
    const done = submission.run(() => Promise.resolve(7));
    expect(submission.busy.value).toBe(true);
    expect(await done).toBe(7);
    expect(submission.busy.value).toBe(false);
  });

  it("is not made twice at once", async () => {
    const submission = useSubmission();
    let times = 0;
    const work = () => Promise.resolve(times++);
    await Promise.all([submission.run(work), submission.run(work)]);
    expect(times).toBe(1);
  });

  it("says whether work was done that resolves to nothing", async () => {
    const submission = useSubmission();
    const first = submission.succeeds(() => Promise.resolve());
    expect(await submission.succeeds(() => Promise.resolve())).toBe(false);
    expect(await first).toBe(true);
    expect(await submission.succeeds(() => Promise.reject(refused))).toBe(false);
  });

  it("shows a problem beside its field, or for the whole", async () => {
    const submission = useSubmission();
    await submission.run(() => Promise.reject(taken));
    expect(submission.field("name")).toBe("too long");
    expect(submission.besides("name")).toBeUndefined();
    expect(submission.besides("topic")).toBe("The name is too long.");

    await submission.run(() => Promise.reject(refused));
    expect(submission.field("name")).toBeUndefined();
    expect(submission.besides("name")).toBe("Not allowed");
    submission.reset();
    expect(submission.problem.value).toBeUndefined();
  });

  it("does not hide what is no problem of the server", async () => {
    const submission = useSubmission();
    await expect(submission.run(() => Promise.reject(new TypeError("a bug")))).rejects.toThrow("a bug");
    expect(submission.busy.value).toBe(false);
  });
});
