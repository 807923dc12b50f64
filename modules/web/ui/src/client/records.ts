/** A copy of an object without some of its fields. */
export function without<T extends object, K extends keyof T>(whole: T, ...fields: K[]): Omit<T, K> {
  const rest = { ...whole };
  for (const field of fields) Reflect.deleteProperty(rest, field);
  return rest;
}
