// Rate, errors and duration of services over time, out of what is stored: as SQL, and from rows to courses.

/** One service over some time. */
export interface Told {
  service: string;
  requests: number;
  error_percent: number | null;
  p95_ms: number | null;
}

/** What its charts show; times in seconds since 1970. */
export interface Red {
  times: number[];
  rate: (number | null)[];
  errors: (number | null)[];
  p50: (number | null)[];
  p95: (number | null)[];
  p99: (number | null)[];
}

type Rows = readonly (readonly unknown[])[];

/** Rows of one course: two hours at a look every two seconds. */
export const COURSE_ROWS_MAX = 3600;

/** Any text as an SQL literal. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function instant(seconds: number): string {
  return `TIMESTAMP ${quoted(new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " "))}`;
}

function between(since: number, until: number): string {
  return `operation = '' AND callee = '' AND collected_at > ${instant(since)} AND collected_at <= ${instant(until)}`;
}

/** Who told anything then, busiest first. */
export function toldSql(since: number, until: number): string {
  return (
    "SELECT service, sum(requests)::DOUBLE, 100.0 * sum(errors) / nullif(sum(requests), 0), max(p95_ms) " +
    `FROM span_stats WHERE ${between(since, until)} GROUP BY service ORDER BY 2 DESC, 1`
  );
}

/** The newest rows of one service. */
export function redSql(service: string, since: number, until: number): string {
  return (
    "SELECT epoch(collected_at)::DOUBLE, rate_per_sec, error_percent, p50_ms, p95_ms, p99_ms FROM span_stats " +
    `WHERE service = ${quoted(service)} AND ${between(since, until)} ORDER BY collected_at DESC`
  );
}

const figure = (value: unknown) => (typeof value === "number" ? value : null);

export function told(rows: Rows): Told[] {
  return rows.map(([service, requests, errors, p95]) => ({
    service: String(service),
    requests: figure(requests) ?? 0,
    error_percent: figure(errors),
    p95_ms: figure(p95),
  }));
}

/** Newest first, as asked: oldest first. */
export function red(rows: Rows): Red {
  const course = rows.filter((row) => figure(row[0]) !== null).reverse();
  const column = (at: number) => course.map((row) => figure(row[at]));
  return {
    times: course.map((row) => Number(row[0])),
    rate: column(1),
    errors: column(2),
    p50: column(3),
    p95: column(4),
    p99: column(5),
  };
}
