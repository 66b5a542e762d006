// Numbers and times as people read them.

import { make } from "../dom.js";

const when = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "short" });
const whole = new Intl.NumberFormat();

/** A moment (seconds since 1970, or a text of ISO 8601) as an element; nothing where it is none. */
export function moment(time) {
  const date = typeof time === "number" ? new Date(time * 1000) : new Date(time ?? NaN);
  if (Number.isNaN(date.getTime())) return null;
  return make("time", { datetime: date.toISOString() }, when.format(date));
}

/** Seconds since 1970 of such a moment, for comparing; NaN where it is none. */
export function secondsOf(time) {
  return typeof time === "number" ? time : new Date(time ?? NaN).getTime() / 1000;
}

/** 52429 -> "52,429". */
export function wholeNumber(number) {
  return whole.format(number);
}

/** 0.914 -> "91%", 0.997 -> "99.7%"; never "0%" or "100%" for what is not; "" where it is no number. */
export function percent(number) {
  if (typeof number !== "number" || !Number.isFinite(number)) return "";
  if (number > 0 && number < 0.001) return "under 0.1%";
  if (number > 0.999 && number < 1) return "over 99.9%";
  const digits = number < 0.1 || number > 0.99 ? 1 : 0;
  return `${(number * 100).toFixed(digits).replace(/\.0$/, "")}%`;
}

/** 3200000 -> "3.2 MB". */
export function bytes(number) {
  const units = ["bytes", "kB", "MB", "GB"];
  let i = 0;
  for (; number >= 1000 && i < units.length - 1; i += 1) number /= 1000;
  return `${i && number < 10 ? number.toFixed(1) : Math.round(number)} ${units[i]}`;
}

/** 12.34 -> "12 s", 0.41 -> "0.4 s", 75 -> "1 min 15 s". */
export function duration(seconds) {
  const rounded = Math.round(seconds);
  if (rounded >= 60) return `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
  return `${rounded < 10 ? seconds.toFixed(1) : rounded} s`;
}
