/** Where a key leads to in a grid of `count` cells; undefined for other keys. At its edges, one stays. */
export function moveInGrid(key: string, from: number, count: number, columns: number): number | undefined {
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -from, End: count - 1 - from };
  const step = steps[key];
  if (step === undefined) return undefined;
  const to = from + step;
  return to >= 0 && to < count ? to : from;
}
