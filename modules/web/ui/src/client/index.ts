export { createParley } from "./client.js";
export type { Options } from "./options.js";
export { keyOf, placeOf } from "./places.js";
export { ProblemError } from "./problem.js";
export type { KeyValueStorage, StorageWatcher } from "./storage.js";
export type * from "./api.js";
export type * from "./parley.js";
export type * from "./types.js";
