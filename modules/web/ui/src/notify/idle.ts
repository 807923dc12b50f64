/** So long may nobody touch a window until its user counts as away, in ms. */
export const idleAfter = 5 * 60_000;

const signsOfLife = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "focus"] as const;

/**
 * Tells whether somebody uses this window: away after five minutes without a sign of life, or as soon as it has been hidden for as long.
 * Returns what ends it.
 */
export function watchIdle(told: (away: boolean) => void): () => void {
  const ending = new AbortController();
  let away = false;
  let last = Date.now();
  let timer = setTimeout(look, idleAfter);

  /** One timer, which looks when it is due whether there was life meanwhile: a pointer moves too often for one each time. */
  function look(): void {
    const left = last + idleAfter - Date.now();
    if (left > 0) {
      timer = setTimeout(look, left);
      return;
    }
    away = true;
    told(true);
  }

  function alive(): void {
    last = Date.now();
    if (!away) return;
    away = false;
    timer = setTimeout(look, idleAfter);
    told(false);
  }

  const options = { signal: ending.signal, passive: true, capture: true };
  for (const sign of signsOfLife) addEventListener(sign, alive, options);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) alive();
  }, options);

  return () => {
    ending.abort();
    clearTimeout(timer);
  };
}
