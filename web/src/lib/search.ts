// What stands in a URL came from anybody: only what a view knows is taken.

export function oneOf<const T extends readonly string[]>(
  value: unknown,
  allowed: T,
  otherwise: T[number],
): T[number] {
  return typeof value === "string" && allowed.includes(value) ? value : otherwise;
}

const TEXT_CHARS_MAX = 200;

export function text(value: unknown): string {
  // The router reads `?find=42` as a number.
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" ? value.slice(0, TEXT_CHARS_MAX) : "";
}

/** Whether all words of the search are somewhere in these texts. */
export function matches(find: string, ...texts: (string | null | undefined)[]): boolean {
  const all = texts.filter(Boolean).join("\n").toLowerCase();
  return find
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

const PERIOD_UNITS: Record<string, number> = { m: 60, h: 3600, d: 86_400 };

/** `15m`, `6h`, `7d` in seconds. */
export function periodSecs(period: string): number {
  const unit = PERIOD_UNITS[period.slice(-1)] ?? 60;
  return Number.parseInt(period, 10) * unit;
}
