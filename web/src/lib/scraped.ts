// What Prometheus targets exposed, out of what is stored: as SQL, and from rows to tables and courses.

import { bytes, milliseconds, number, percent, UNKNOWN } from "./format";
import { instant, quoted } from "./red";

/** A target, as its newest stored scrape left it. */
export interface ScrapedTarget {
  name: string;
  up: boolean;
  /** Why not. */
  error: string | null;
  /** Seconds since 1970. */
  at: number;
}

/** One series, with its newest value. */
export interface ScrapedSeries {
  metric: string;
  /** As stored: the target, with the labels where it has any. */
  subject: string;
  /** `{cpu="0",mode="idle"}`, or nothing. */
  labels: string;
  value: number;
  unit: string;
  counter: boolean;
}

type Rows = readonly (readonly unknown[])[];

/** Series of a target that are listed: all that hale keeps of one, and what it notes itself. */
export const SERIES_ROWS_MAX = 2100;
/** Points of a course. */
const POINTS_MAX = 240;
/** Lines that one chart holds. */
export const LINES_MAX = 4;
export const COURSE_ROWS_MAX = (POINTS_MAX + 1) * LINES_MAX;
/** Seconds of the newest scrapes: several, at any interval of storing that is usual. */
export const NEWEST_SECS = 600;

const between = (since: number, until: number) =>
  `source = 'scrape' AND collected_at > ${instant(since)} AND collected_at <= ${instant(until)}`;

/** Who was asked, and how it went the last time. */
export function targetsSql(until: number): string {
  return (
    "SELECT subject, arg_max(value, collected_at), arg_max(raw_json->>'$.error', collected_at), " +
    "epoch(max(collected_at))::DOUBLE FROM metric_points " +
    `WHERE ${between(until - NEWEST_SECS, until)} AND metric = 'up' AND NOT contains(subject, '{') ` +
    "GROUP BY subject ORDER BY subject"
  );
}

/** The newest value of every series of a target. */
export function seriesSql(target: string, until: number): string {
  return (
    "SELECT metric, subject, arg_max(value, collected_at), max(unit), max(raw_json->>'$.kind') " +
    `FROM metric_points WHERE ${between(until - NEWEST_SECS, until)} ` +
    `AND (subject = ${quoted(target)} OR starts_with(subject, ${quoted(`${target}{`)})) ` +
    "GROUP BY metric, subject ORDER BY metric, subject"
  );
}

/** Seconds of one point of a course. */
export const courseStep = (since: number, until: number) =>
  Math.max(1, (until - since) / POINTS_MAX);

/** The course of some series of one metric: mean and greatest value of each step. */
export function courseSql(
  metric: string,
  subjects: readonly string[],
  since: number,
  until: number,
): string {
  const step = courseStep(since, until);
  return (
    `SELECT floor((epoch(collected_at) - ${since}) / ${step})::DOUBLE, subject, avg(value), max(value) ` +
    `FROM metric_points WHERE ${between(since, until)} AND metric = ${quoted(metric)} ` +
    `AND subject IN (${subjects.map(quoted).join(", ")}) GROUP BY 1, 2 ORDER BY 1`
  );
}

const figure = (value: unknown) =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

export function targetsOf(rows: Rows): ScrapedTarget[] {
  return rows.map(([name, up, error, at]) => ({
    name: String(name),
    up: up === 1,
    error: typeof error === "string" && up !== 1 ? error : null,
    at: figure(at) ?? 0,
  }));
}

export function seriesOf(rows: Rows, target: string): ScrapedSeries[] {
  return rows.flatMap(([metric, subject, value, unit, kind]) => {
    const known = figure(value);
    if (typeof metric !== "string" || typeof subject !== "string" || known === null) return [];
    return [
      {
        metric,
        subject,
        labels: subject.slice(target.length),
        value: known,
        unit: typeof unit === "string" ? unit : "",
        counter: kind === "counter",
      },
    ];
  });
}

/**
 * One line for each of the subjects. Of a counter its growth a second, which is not known where it started
 * anew; of anything else its mean.
 */
export function courseOf(
  rows: Rows,
  subjects: readonly string[],
  counter: boolean,
  since: number,
  step: number,
): { times: number[]; lines: (number | null)[][] } {
  const steps = [...new Set(rows.map((row) => Number(row[0])))].sort((a, b) => a - b);
  const at = new Map(rows.map((row) => [`${row[0]} ${row[1]}`, row]));
  const lines = subjects.map((subject) => {
    let before: { step: number; value: number } | null = null;
    return steps.map((place) => {
      const row = at.get(`${place} ${subject}`);
      const value = figure(row?.[counter ? 3 : 2]);
      if (value === null || !counter) return value;
      const grown =
        before && value >= before.value
          ? (value - before.value) / ((place - before.step) * step)
          : null;
      before = { step: place, value };
      return grown;
    });
  });
  return { times: steps.map((place) => since + place * step), lines };
}

/** The labels in which some series differ; those that all share say nothing about one of them. */
export function ownLabels(all: readonly string[]): string[] {
  const parsed = all.map(labelsOf);
  const shared = (parsed[0] ?? []).filter((label) => parsed.every((own) => own.includes(label)));
  return parsed.map((own) => own.filter((label) => !shared.includes(label)).join(" ") || "all");
}

/** `cpu=0`, `mode=idle` */
function labelsOf(text: string): string[] {
  const found = text.matchAll(/([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g);
  return [...found].map(([, name, value]) => `${name}=${(value ?? "").replace(/\\(.)/g, "$1")}`);
}

/** How OpenTelemetry writes units (UCUM), as the names that Prometheus has for them. */
export function otlpUnit(unit: string): string {
  const known: Record<string, string> = { s: "seconds", ms: "ms", By: "bytes", "%": "percent" };
  return known[unit] ?? "";
}

/** A value in its unit, short enough for an axis. */
export function inUnit(value: number | null | undefined, unit: string, perSec = false): string {
  if (value == null) return UNKNOWN;
  const text = withUnit(value, unit, perSec);
  return perSec ? `${text}/s` : text;
}

function withUnit(value: number, unit: string, perSec: boolean): string {
  const size = Math.abs(value);
  if (unit === "bytes" && value >= 0) return bytes(value);
  // Since 1970: a time, which nobody reads as seconds.
  if (unit === "seconds" && !perSec && size > 1e9)
    return new Date(value * 1000).toISOString().slice(0, 16).replace("T", " ");
  if (unit === "seconds" && value >= 0)
    return size < 10 ? milliseconds(value * 1000) : `${plain(value)} s`;
  if (unit === "ms") return milliseconds(value);
  if (unit === "percent") return percent(value, 1);
  if (unit === "celsius") return `${plain(value)} °C`;
  return plain(value);
}

function plain(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e12) return value.toExponential(2);
  if (size >= 1e9) return `${number(value / 1e9, 1)} G`;
  if (size >= 1e6) return `${number(value / 1e6, 1)} M`;
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  return Number.isInteger(value) ? number(value) : number(value, size < 1 ? 3 : size < 100 ? 2 : 1);
}
