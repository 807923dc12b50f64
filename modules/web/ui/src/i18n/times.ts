import { useI18n } from "petite-vue-i18n";
import { onScopeDispose, shallowRef, type ShallowRef } from "vue";

import type { Time } from "@/client";

/** "time" is 14:05, "day" a date (today and yesterday by name), "relative" as long ago as it is, "full" everything. */
export type TimeKind = "time" | "day" | "relative" | "full";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const clockTime: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
const date: Intl.DateTimeFormatOptions = { weekday: "long", day: "numeric", month: "long" };

/** Formatters are costly to make, and there are few different ones. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatWith(at: Date, locale: string, options: Intl.DateTimeFormatOptions): string {
  const key = locale + JSON.stringify(options);
  let formatter = formatters.get(key);
  if (!formatter) formatters.set(key, (formatter = new Intl.DateTimeFormat(locale, options)));
  return formatter.format(at);
}

/** How many midnights are between a and b, in the time zone of this device. */
function daysBetween(a: Date, b: Date): number {
  const midnight = (d: Date): number => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
  return Math.round((midnight(b) - midnight(a)) / day);
}

function capitalized(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}

function formatDay(at: Date, now: Date, locale: string): string {
  const ago = daysBetween(at, now);
  if (ago === 0 || ago === 1) return capitalized(new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-ago, "day"));
  const withYear = at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" as const };
  return formatWith(at, locale, { ...date, ...withYear });
}

function formatRelative(at: Date, now: Date, locale: string): string {
  const ago = Math.max(0, now.getTime() - at.getTime());
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  if (ago < minute) return relative.format(0, "second");
  if (ago < hour) return relative.format(-Math.floor(ago / minute), "minute");
  if (ago < day) return relative.format(-Math.floor(ago / hour), "hour");
  if (ago < 30 * day) return relative.format(-daysBetween(at, now), "day");
  return formatWith(at, locale, { day: "numeric", month: "short", year: "numeric" });
}

/** A time as it is said at the moment `now`. */
export function formatTime(time: Time, kind: TimeKind, now: Date, locale: string): string {
  const at = new Date(time);
  switch (kind) {
    case "time":
      return formatWith(at, locale, clockTime);
    case "day":
      return formatDay(at, now, locale);
    case "relative":
      return formatRelative(at, now, locale);
    case "full":
      return formatWith(at, locale, { ...date, ...clockTime, year: "numeric" });
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

/** Formats times in the current language. What depends on the present is formatted anew as time goes by. */
export function useTimes(): { format(time: Time, kind: TimeKind): string } {
  const { locale } = useI18n();
  const now = useNow();
  return {
    format: (time, kind) => formatTime(time, kind, kind === "day" || kind === "relative" ? now.value : new Date(0), locale.value),
  };
}
