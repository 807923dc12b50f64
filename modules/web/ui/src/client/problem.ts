import type { Problem } from "./types.js";

/** A request that the server has refused, or that got no answer: then the status is 0 and the code "no_answer". */
export class ProblemError extends Error {
  readonly problem: Problem;
  /** After how many milliseconds the server wants to be asked again, if it says so. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, retryAfter?: number) {
    super(problem.detail ?? problem.title);
    this.name = "ProblemError";
    this.problem = problem;
    this.retryAfter = retryAfter;
  }

  get code(): string {
    return this.problem.code;
  }

  get status(): number {
    return this.problem.status;
  }

  /** What is wrong with a field of the request. */
  field(name: string): string | undefined {
    return this.problem.errors?.find((e) => e.field === name)?.message;
  }
}

/** A problem that the client itself has, not the server. */
export function ownProblem(code: string, detail: string): ProblemError {
  return new ProblemError({ type: "about:blank", title: detail, status: 0, detail, code });
}
