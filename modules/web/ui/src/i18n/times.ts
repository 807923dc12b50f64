import { useI18n } from "petite-vue-i18n";
import { onScopeDispose, shallowRef, type ShallowRef } from "vue";

import type { Time } from "@/client";

/** "time" is 14:05, "day" a date (today and yesterday by name), "relative" as long ago as it is, "full" everything. */
export type TimeKind = "time" | "day" | "relative" | "full";

const minute = 60_000;
const hour = 60 * minute;
const dayLength = 24 * hour;

const clockTime: Intl.DateTimeFormatOptions = { hour: "numeric", minute: "2-digit" };
const day: Intl.DateTimeFormatOptions = { weekday: "long", day: "numeric", month: "long" };
const styles = {
  clockTime,
  day,
  dayOfYear: { ...day, year: "numeric" },
  date: { day: "numeric", month: "short", year: "numeric" },
  full: { ...day, ...clockTime, year: "numeric" },
} satisfies Record<string, Intl.DateTimeFormatOptions>;

/** Formatters are costly to make, and there are few different ones. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatWith(at: Date, locale: string, style: keyof typeof styles): string {
  const key = `${style} ${locale}`;
  let formatter = formatters.get(key);
  if (!formatter) formatters.set(key, (formatter = new Intl.DateTimeFormat(locale, styles[style])));
  return formatter.format(at);
}

/** How many midnights are between a and b, in the time zone of this device. */
function daysBetween(a: Date, b: Date): number {
  const midnight = (d: Date): number => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
  return Math.round((midnight(b) - midnight(a)) / dayLength);
}

function capitalized(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}

function formatDay(at: Date, now: Date, locale: string): string {
  const ago = daysBetween(at, now);
  if (ago === 0 || ago === 1) return capitalized(new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-ago, "day"));
  return formatWith(at, locale, at.getFullYear() === now.getFullYear() ? "day" : "dayOfYear");
}

function formatRelative(at: Date, now: Date, locale: string): string {
  const ago = Math.max(0, now.getTime() - at.getTime());
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  if (ago < minute) return relative.format(0, "second");
  if (ago < hour) return relative.format(-Math.floor(ago / minute), "minute");
  if (ago < dayLength) return relative.format(-Math.floor(ago / hour), "hour");
  if (ago < 30 * dayLength) return relative.format(-daysBetween(at, now), "day");
  return formatWith(at, locale, "date");
}

/** A time as it is said at the moment `now`. */
export function formatTime(time: Time, kind: TimeKind, now: Date, locale: string): string {
  const at = new Date(time);
  switch (kind) {
    case "time":
      return formatWith(at, locale, "clockTime");
    case "day":
      return formatDay(at, now, locale);
    case "relative":
      return formatRelative(at, now, locale);
    case "full":
      return formatWith(at, locale, "full");
  }
}

const ticking = { now: shallowRef(new Date()), users: 0, timer: undefined as ReturnType<typeof setInterval> | undefined };

/** The present minute: one timer for all that show times, and none while nothing does. */
function useNow(): ShallowRef<Date> {
  if (ticking.users++ === 0) {
    ticking.now.value = new Date();
    ticking.timer = setInterval(() => {
      ticking.now.value = new Date();
    }, minute);
  }
  onScopeDispose(() => {
    if (--ticking.users === 0) clearInterval(ticking.timer);
  });
  return ticking.now;
}

/** A language as it is spoken where the browser is from: times are 14:05 in Britain and 2:05 PM in America. */
export function regional(language: string, browser: readonly string[]): string {
  return browser.find((tag) => tag.toLowerCase().split("-")[0] === language) ?? language;
}

/** Formats times in the current language. What depends on the present is formatted anew as time goes by. */
export function useTimes(): { format(time: Time, kind: TimeKind): string } {
  const { locale } = useI18n();
  const now = useNow();
  return {
    format: (time, kind) => formatTime(time, kind, kind === "day" || kind === "relative" ? now.value : new Date(0), regional(locale.value, navigator.languages)),
  };
}
