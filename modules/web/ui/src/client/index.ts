export { ProblemError } from "./problem.js";
export type * from "./api.js";
export type * from "./parley.js";
export type * from "./types.js";
