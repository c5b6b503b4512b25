// Numbers and times as people read them.

const LOCALE = "en";

export function count(value) {
  return value.toLocaleString(LOCALE);
}

export function percent(ratio) {
  return `${(100 * ratio).toLocaleString(LOCALE, { maximumSignificantDigits: 3 })} %`;
}

export function seconds(value) {
  if (value < 0.001) return "under 1 ms";
  if (value < 1) return `${Math.round(1000 * value)} ms`;
  return `${value.toLocaleString(LOCALE, { maximumSignificantDigits: 3 })} s`;
}

/** A longer time in its largest unit, rounded down: "under a minute", "5 minutes", "3 hours", "12 days". */
export function duration(value) {
  if (value < 60) return "under a minute";
  if (value < 3600) return plural(Math.floor(value / 60), "minute", "minutes");
  if (value < 86_400) return plural(Math.floor(value / 3600), "hour", "hours");
  return plural(Math.floor(value / 86_400), "day", "days");
}

export function dollars(value) {
  return `${value.toLocaleString(LOCALE, { maximumSignificantDigits: 2 })} USD`;
}

export function bytes(value) {
  return plural(value, "byte", "bytes");
}

export function plural(value, one, many) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function clockTime(date) {
  return date.toLocaleTimeString("en-GB");
}
