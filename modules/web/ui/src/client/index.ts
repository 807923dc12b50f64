export { ProblemError } from "./problem";
export type * from "./api";
export type * from "./parley";
export type * from "./types";
