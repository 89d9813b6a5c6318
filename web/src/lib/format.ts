// Figures as people read them. What was not measured is said, never shown as zero.

export const UNKNOWN = "–";

export function percent(value: number | null | undefined, digits = 0): string {
  return value == null ? UNKNOWN : `${value.toFixed(digits)} %`;
}

export function bytes(value: number | null | undefined): string {
  if (value == null) return UNKNOWN;
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || size >= 100 ? 0 : 1;
  return `${size.toFixed(digits)} ${units[unit]}`;
}

export function number(value: number | null | undefined, digits = 0): string {
  if (value == null) return UNKNOWN;
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

export function rate(value: number | null | undefined): string {
  if (value == null) return UNKNOWN;
  return `${value.toFixed(value < 10 ? 1 : 0)} MiB/s`;
}

export function milliseconds(value: number | null | undefined): string {
  if (value == null) return UNKNOWN;
  if (value >= 10_000) return `${(value / 1000).toFixed(0)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

export function money(value: number, currency: string): string {
  try {
    return new Intl.NumberFormat("en", {
      style: "currency",
      currency,
      maximumFractionDigits: 0,
    }).format(value);
  } catch {
    // Not a currency that the browser knows: as it was written.
    return `${number(value)} ${currency}`;
  }
}

/** `awaiting_approval` as words. */
export function words(name: string): string {
  return name.replaceAll("_", " ");
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** Ids are long for machines; people need enough of one to tell it from another. */
export function shortId(id: string): string {
  return id.length > 14 ? `${id.slice(0, 11)}…` : id;
}
