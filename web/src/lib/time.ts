// Times as people read them. Everything takes "now" as an argument, so that it can be tested.

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** `4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`: the two largest units. */
export function duration(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 10 && s % 1 !== 0) return `${s.toFixed(1)} s`;
  const whole = Math.round(s);
  const two = (big: number, bigUnit: string, small: number, smallUnit: string) =>
    small > 0 ? `${big} ${bigUnit} ${small} ${smallUnit}` : `${big} ${bigUnit}`;
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return two(Math.floor(whole / MINUTE), "min", whole % MINUTE, "s");
  if (whole < DAY) {
    return two(Math.floor(whole / HOUR), "h", Math.floor((whole % HOUR) / MINUTE), "min");
  }
  return two(Math.floor(whole / DAY), "d", Math.floor((whole % DAY) / HOUR), "h");
}

/** The largest unit alone: for lists. */
export function shortDuration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < MINUTE) return `${s} s`;
  if (s < HOUR) return `${Math.floor(s / MINUTE)} min`;
  if (s < DAY) return `${Math.floor(s / HOUR)} h`;
  return `${Math.floor(s / DAY)} d`;
}

export function secondsBetween(from: string, to: string | number): number {
  const end = typeof to === "number" ? to : Date.parse(to);
  return (end - Date.parse(from)) / 1000;
}

/** `just now`, `4 min ago`, `in 3 min`. */
export function ago(then: string, now: number): string {
  const seconds = secondsBetween(then, now);
  if (Math.abs(seconds) < 2) return "just now";
  return seconds > 0 ? `${shortDuration(seconds)} ago` : `in ${shortDuration(-seconds)}`;
}

const two = (n: number) => String(n).padStart(2, "0");

/** `14:03:22` in the person's own time zone. */
export function clock(time: string | number | Date): string {
  const d = new Date(time);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** `14:03:22` today, `21 Nov 14:03` within the year, `21 Nov 2025 14:03` before. */
export function moment(time: string | number, now: number): string {
  const d = new Date(time);
  const today = new Date(now);
  if (d.toDateString() === today.toDateString()) return clock(d);
  const month = d.toLocaleString("en", { month: "short" });
  const year = d.getFullYear() === today.getFullYear() ? "" : ` ${d.getFullYear()}`;
  return `${d.getDate()} ${month}${year} ${two(d.getHours())}:${two(d.getMinutes())}`;
}

/** For `<input type="datetime-local">`. */
export function toLocalInput(time: number): string {
  const d = new Date(time);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${clock(d)}`;
}

/** A moment from the URL: an ISO time that is not in the future; anything else is none. */
export function parseAt(text: unknown, now: number): string | undefined {
  if (typeof text !== "string") return undefined;
  const time = Date.parse(text);
  if (!Number.isFinite(time) || time > now) return undefined;
  return new Date(time).toISOString();
}
