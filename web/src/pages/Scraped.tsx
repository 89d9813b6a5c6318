// Prometheus targets: which answer, every series of one of them by name and labels, and the course of a metric.

import { getRouteApi } from "@tanstack/react-router";
import type { SettingsView } from "../api/model";
import { useSettings, useTable } from "../api/queries";
import { useAt } from "../lib/at";
import { plural } from "../lib/format";
import { useNow } from "../lib/now";
import {
  COURSE_ROWS_MAX,
  courseOf,
  courseSql,
  courseStep,
  inUnit,
  LINES_MAX,
  NEWEST_SECS,
  ownLabels,
  type ScrapedSeries,
  type ScrapedTarget,
  SERIES_ROWS_MAX,
  seriesOf,
  seriesSql,
  targetsOf,
  targetsSql,
} from "../lib/scraped";
import { matches, periodSecs } from "../lib/search";
import { duration, moment } from "../lib/time";
import { Chart, type Line } from "../ui/Chart";
import { Answered, Chip, Empty, Find, Panel, Scroll } from "../ui/parts";
import { WindowChoice } from "./WindowChoice";

const route = getRouteApi("/machine");

/** The same question for so long, so that what was drawn stays while it is asked again. */
const STEADY_SECS = 15;
const TARGETS_MAX = 64;
/** Rows of the table; more are found by their names. */
const SHOWN_MAX = 200;

export function Scraped() {
  const { target: wanted } = route.useSearch();
  const navigate = route.useNavigate();
  const at = useAt();
  const now = useNow() / 1000;
  const until = at ? Date.parse(at) / 1000 : (Math.floor(now / STEADY_SECS) + 1) * STEADY_SECS;
  const settings = useSettings();
  const asked = useTable(targetsSql(until), TARGETS_MAX, false);
  return (
    <Answered of={asked} lines={10}>
      {({ data }) => {
        const targets = together(
          configured(settings.data?.data),
          targetsOf(data.rows),
          !at && settings.data !== undefined,
        );
        const chosen = targets.find((t) => t.name === wanted) ?? targets[0];
        if (!chosen) {
          return (
            <Panel title="Prometheus targets">
              {at ? (
                <Empty title="No target was read then">
                  What is scraped is kept as long as [history] retention_hours says.
                </Empty>
              ) : (
                <Empty title="No Prometheus target is read">
                  [[scrape]] in the config names one: name = "node", url =
                  "http://127.0.0.1:9100/metrics". Its series come here, and to rules and queries.
                </Empty>
              )}
            </Panel>
          );
        }
        return (
          <>
            <Panel title="Prometheus targets">
              <ul className="plain targets">
                {targets.map((target) => (
                  <li key={target.name}>
                    <button
                      type="button"
                      className="target"
                      data-line
                      aria-pressed={target === chosen}
                      onClick={() =>
                        void navigate({
                          search: (old) => ({ ...old, target: target.name, metric: "", find: "" }),
                          replace: true,
                        })
                      }
                    >
                      <strong>{target.name}</strong>
                      <TargetState target={target} />
                      <small className="muted">
                        {target.at === null
                          ? ""
                          : `scraped ${moment(target.at * 1000, now * 1000)}`}
                      </small>
                    </button>
                  </li>
                ))}
              </ul>
              {chosen.error ? (
                <p className="stale-note">
                  {chosen.name} does not answer: {chosen.error}
                </p>
              ) : null}
            </Panel>
            <Series target={chosen.name} until={until} />
          </>
        );
      }}
    </Answered>
  );
}

type Target = Omit<ScrapedTarget, "up" | "at"> & { up: boolean | null; at: number | null };

/**
 * Those of the configuration in its order, before the first scrape too; of the past those that were read, in
 * the same order as far as they are still configured.
 */
function together(names: string[], read: ScrapedTarget[], onlyConfigured: boolean): Target[] {
  const known = names.map(
    (name) => read.find((t) => t.name === name) ?? { name, up: null, error: null, at: null },
  );
  if (onlyConfigured) return known;
  return [...known.filter((t) => t.up !== null), ...read.filter((t) => !names.includes(t.name))];
}

function configured(settings: SettingsView | undefined): string[] {
  const list: unknown = settings?.config.scrape;
  if (!Array.isArray(list)) return [];
  return list.flatMap((one) =>
    one && typeof one === "object" && "name" in one ? [String(one.name)] : [],
  );
}

function TargetState({ target }: { target: Target }) {
  const [tone, word] =
    target.up === null
      ? (["quiet", "not yet"] as const)
      : target.up
        ? (["ok", "up"] as const)
        : (["critical", "down"] as const);
  return (
    <Chip tone={tone} dot>
      {word}
    </Chip>
  );
}

function Series({ target, until }: { target: string; until: number }) {
  const { find, metric } = route.useSearch();
  const navigate = route.useNavigate();
  const asked = useTable(seriesSql(target, until), SERIES_ROWS_MAX, false);
  const set = (to: Partial<{ find: string; metric: string }>) =>
    void navigate({ search: (old) => ({ ...old, ...to }), replace: true });
  return (
    <Answered of={asked} lines={10}>
      {({ data }) => {
        const all = seriesOf(data.rows, target);
        const fitting = all.filter((s) => matches(find, s.metric, s.labels));
        const name = all.some((s) => s.metric === metric) ? metric : fitting[0]?.metric;
        const drawn = fitting.filter((s) => s.metric === name);
        return (
          <>
            {drawn.length > 0 && name ? <Course name={name} series={drawn} until={until} /> : null}
            <Panel
              flush
              title={`Series of ${target}`}
              aside={
                <Find
                  value={find}
                  onChange={(to) => set({ find: to })}
                  placeholder="Metric or label"
                />
              }
            >
              {fitting.length === 0 ? (
                <Empty title={find ? "No series fits" : "No series is stored yet"}>
                  {find
                    ? "Look for fewer words."
                    : `Scrapes of the last ${duration(NEWEST_SECS)} are shown, as they are stored: [history] snapshot_interval_secs says how often.`}
                </Empty>
              ) : (
                <SeriesTable
                  series={fitting}
                  total={all.length}
                  name={name}
                  onChoose={(to) => set({ metric: to })}
                />
              )}
            </Panel>
          </>
        );
      }}
    </Answered>
  );
}

function SeriesTable({
  series,
  total,
  name,
  onChoose,
}: {
  series: ScrapedSeries[];
  total: number;
  name: string | undefined;
  onChoose: (metric: string) => void;
}) {
  const shown = series.slice(0, SHOWN_MAX);
  return (
    <>
      <Scroll label="Series">
        <table className="table">
          <thead>
            <tr>
              <th>Series</th>
              <th className="series-kind">Kind</th>
              <th className="right">Value</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((s) => (
              <tr key={`${s.metric} ${s.subject}`}>
                <td className="series-name">
                  <button
                    type="button"
                    className="link mono"
                    data-line
                    aria-pressed={s.metric === name}
                    onClick={() => onChoose(s.metric)}
                  >
                    {s.metric}
                  </button>{" "}
                  <span className="muted mono">{s.labels.slice(1, -1)}</span>
                </td>
                <td className="muted series-kind">{s.counter ? "counter" : "level"}</td>
                <td className="right num" title={String(s.value)}>
                  {inUnit(s.value, s.unit)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p className="muted table-note">
        {shown.length < series.length
          ? `The first ${shown.length} of ${series.length}; find narrows them down.`
          : `${series.length} of ${plural(total, "series", "series")}.`}
      </p>
    </>
  );
}

/** Each line of a chart has its own labels and colour, and there are four of those. */
function Course({ name, series, until }: { name: string; series: ScrapedSeries[]; until: number }) {
  const { window } = route.useSearch();
  const since = until - periodSecs(window);
  const drawn = series.slice(0, LINES_MAX);
  const subjects = drawn.map((s) => s.subject);
  const counter = drawn[0]?.counter ?? false;
  const unit = drawn[0]?.unit ?? "";
  const asked = useTable(courseSql(name, subjects, since, until), COURSE_ROWS_MAX, false);
  const labels = ownLabels(drawn.map((s) => s.labels));
  const colors: Line["color"][] = [1, 2, 3, 4];
  return (
    <Panel title={<span className="mono">{name}</span>} aside={<WindowChoice />}>
      <Answered of={asked} lines={5}>
        {({ data }) => {
          const step = courseStep(since, until);
          const { times, lines } = courseOf(data.rows, subjects, counter, since, step);
          return (
            <div className="charts one">
              <Chart
                title={counter ? "Growth a second" : "Value"}
                times={times}
                step={step}
                until={[since, until]}
                format={(v) => inUnit(v, unit, counter)}
                lines={lines.map((values, i) => ({
                  label: labels[i] ?? "",
                  values,
                  color: colors[i] ?? 1,
                  fill: lines.length === 1,
                }))}
                sync="scraped"
              />
            </div>
          );
        }}
      </Answered>
      {series.length > drawn.length ? (
        <p className="muted">
          The first {drawn.length} of {plural(series.length, "series", "series")} of this name; find
          by label for others.
        </p>
      ) : null}
    </Panel>
  );
}
