import { getRouteApi } from "@tanstack/react-router";
import { useMemo } from "react";
import type { EdgeTraffic, ServicesView, ServiceView } from "../api/model";
import { useServices, useTable } from "../api/queries";
import { useAt, useGoTo } from "../lib/at";
import { milliseconds, number, percent, UNKNOWN, words } from "../lib/format";
import { NODE, serviceMap } from "../lib/map";
import { useNow } from "../lib/now";
import { COURSE_ROWS_MAX, red, redSql, told, toldSql } from "../lib/red";
import { inUnit, otlpUnit } from "../lib/scraped";
import { clock, shortDuration } from "../lib/time";
import { Chart } from "../ui/Chart";
import { Answered, Chip, Empty, Figure, Meter, Panel, Scroll } from "../ui/parts";

const route = getRouteApi("/services");

/** Minutes of the charts. */
const COURSE_SECS = 30 * 60;
const COURSE_POLL_MS = 5_000;
const SERVICES_MAX = 200;
/** Traffic is stored this often at least: the row that holds a moment may be stored after it. */
const STORED_SECS = 60;

export function Services() {
  const at = useAt();
  return at ? <Then at={at} /> : <Now />;
}

/** As it was: who told of itself, and the course of one of them. The map is of now. */
function Then({ at }: { at: string }) {
  const goTo = useGoTo();
  const { service } = route.useSearch();
  const navigate = route.useNavigate();
  const until = Date.parse(at) / 1000 + STORED_SECS;
  const asked = useTable(toldSql(until - COURSE_SECS, until), SERVICES_MAX, false);
  return (
    <div className="view services">
      <header className="view-head">
        <h1>Services</h1>
        <p className="muted">
          the {COURSE_SECS / 60} minutes before; who calls whom is only shown as it is now
        </p>
      </header>
      <Answered of={asked} lines={10}>
        {({ data }) => {
          const services = told(data.rows);
          const chosen = services.find((s) => s.service === service) ?? services[0];
          if (!chosen) {
            return (
              <Panel>
                <Empty title="No service told of itself then">
                  Requests are kept as long as [history] retention_hours says.{" "}
                  <button type="button" className="button small" onClick={() => goTo(undefined)}>
                    Back to now
                  </button>
                </Empty>
              </Panel>
            );
          }
          return (
            <>
              <Panel title="Services then" flush>
                <Scroll label="Services then">
                  <table className="table">
                    <thead>
                      <tr>
                        <th>Service</th>
                        <th className="right">Requests</th>
                        <th className="right">Errors</th>
                        <th className="right">p95, worst</th>
                      </tr>
                    </thead>
                    <tbody>
                      {services.map((s) => (
                        <tr key={s.service}>
                          <td>
                            <button
                              type="button"
                              className="link"
                              data-line
                              aria-pressed={s === chosen}
                              onClick={() =>
                                void navigate({
                                  search: (old) => ({ ...old, service: s.service }),
                                  replace: true,
                                })
                              }
                            >
                              {s.service}
                            </button>
                          </td>
                          <td className="right num">{number(s.requests)}</td>
                          <td className="right num">{percent(s.error_percent, 1)}</td>
                          <td className="right num">{milliseconds(s.p95_ms)}</td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </Scroll>
              </Panel>
              <Panel title={chosen.service}>
                <RedCharts service={chosen.service} until={until} />
              </Panel>
            </>
          );
        }}
      </Answered>
    </div>
  );
}

/** Rate, errors and duration until a moment, or until now. */
function RedCharts({ service, until }: { service: string; until?: number }) {
  const now = useNow() / 1000;
  // The question stays the same for a minute, so that what was drawn stays while it is asked again.
  const end = until ?? Math.floor(now / 60) * 60 + 60;
  const last = until ?? now;
  const since = end - COURSE_SECS;
  const table = useTable(
    redSql(service, since, end),
    COURSE_ROWS_MAX,
    until === undefined ? COURSE_POLL_MS : false,
  );
  const course = useMemo(() => red(table.data?.data.rows ?? []), [table.data]);
  // Where telling began within this time, the axis begins there too, but is never less than a minute.
  const begin = Math.min(Math.max(since, course.times[0] ?? since), last - 60);
  const common = {
    times: course.times,
    sync: "red",
    range: [0, null] as [number, null],
    until: [begin, last] as [number, number],
  };
  return (
    <div className="charts three">
      <Chart
        title="Rate"
        {...common}
        format={(v) => `${number(v, 1)}/s`}
        lines={[{ label: "requests", values: course.rate, color: 1, fill: true }]}
      />
      <Chart
        title="Errors"
        {...common}
        format={(v) => percent(v, 1)}
        lines={[{ label: "failed", values: course.errors, color: 4, fill: true }]}
      />
      <Chart
        title="Duration"
        {...common}
        format={milliseconds}
        lines={[
          { label: "p50", values: course.p50, color: 1 },
          { label: "p95", values: course.p95, color: 2 },
          { label: "p99", values: course.p99, color: 3 },
        ]}
      />
    </div>
  );
}

function Now() {
  const { service } = route.useSearch();
  const navigate = route.useNavigate();
  const services = useServices();
  return (
    <div className="view services">
      <header className="view-head">
        <h1>Services</h1>
        {services.data ? (
          <p className="muted">requests of the last {number(services.data.data.window_secs)} s</p>
        ) : null}
      </header>
      <Answered of={services} lines={10}>
        {({ data }) => {
          if (data.services.length === 0) {
            return (
              <Panel>
                <Empty title="No service tells of itself yet">
                  {data.note ??
                    "Send OpenTelemetry traces to this machine, port 4317 (gRPC) or 4318 (HTTP): OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318."}
                </Empty>
              </Panel>
            );
          }
          const chosen =
            data.services.find((s) => s.service === service) ??
            data.services.find((s) => s.suspect) ??
            data.services[0];
          const choose = (name: string) =>
            void navigate({ search: (old) => ({ ...old, service: name }), replace: true });
          return (
            <>
              <Panel title="Who calls whom">
                <ServiceMap view={data} chosen={chosen?.service ?? ""} onChoose={choose} />
              </Panel>
              {chosen ? <One service={chosen} /> : null}
            </>
          );
        }}
      </Answered>
    </div>
  );
}

function ServiceMap({
  view,
  chosen,
  onChoose,
}: {
  view: ServicesView;
  chosen: string;
  onChoose: (name: string) => void;
}) {
  const map = useMemo(
    () =>
      serviceMap(
        view.services.map((s) => s.service),
        view.edges,
      ),
    [view],
  );
  const now = useNow();
  const byName = new Map(view.services.map((s) => [s.service, s]));
  const callOf = new Map(view.edges.map((e) => [`${e.from}>${e.to}`, e]));
  return (
    <Scroll label="Service map" map>
      <div className="map-inner" style={{ width: map.width, height: map.height }}>
        <svg width={map.width} height={map.height} aria-hidden="true">
          {map.edges.map((edge) => (
            <path
              key={`${edge.from}>${edge.to}`}
              className="edge"
              data-tone={edgeTone(callOf.get(`${edge.from}>${edge.to}`))}
              d={edge.path}
            />
          ))}
          {/* After all lines, so that none runs through a figure. */}
          {map.edges.map((edge) => (
            <text key={`${edge.from}>${edge.to}`} className="edge-rate" {...edge.label}>
              {callRate(callOf.get(`${edge.from}>${edge.to}`)?.rate_per_sec)}
            </text>
          ))}
        </svg>
        {map.nodes.map((node) => {
          const service = byName.get(node.name);
          const tone = service ? healthTone(service) : "quiet";
          return (
            <button
              key={node.name}
              type="button"
              className="node"
              data-tone={tone}
              data-line
              aria-pressed={node.name === chosen}
              disabled={!service}
              style={{ left: node.x, top: node.y, ...NODE }}
              onClick={() => onChoose(node.name)}
            >
              <span className="node-name">
                <i aria-hidden="true" />
                {node.name}
              </span>
              <span className="node-note">
                {service?.rate_per_sec != null
                  ? `${number(service.rate_per_sec, 1)}/s · ${percent(service.error_percent, 1)} · ${milliseconds(service.p95_ms)}`
                  : (silence(service, now) ?? "tells nothing itself")}
              </span>
              {service?.suspect ? <span className="node-flag">suspect</span> : null}
            </button>
          );
        })}
      </div>
      <ul className="sr-only">
        {view.edges.map((e) => (
          <li key={`${e.from}>${e.to}`}>
            {e.from} calls {e.to}, {number(e.rate_per_sec, 1)} a second,{" "}
            {percent(e.error_percent, 1)} fail
          </li>
        ))}
      </ul>
    </Scroll>
  );
}

/** Short enough for the gap between two services, whatever the rate. */
function callRate(rate: number | null | undefined): string {
  if (rate == null) return UNKNOWN;
  return `${rate >= 10_000 ? `${number(rate / 1000)}k` : number(rate, rate < 100 ? 1 : 0)}/s`;
}

function edgeTone(edge: EdgeTraffic | undefined): string {
  const failing = edge?.error_percent ?? 0;
  return failing >= 5 ? "critical" : failing >= 1 ? "medium" : "quiet";
}

function healthTone(service: ServiceView): "ok" | "critical" | "high" | "quiet" {
  return service.health === "failing"
    ? "critical"
    : service.health === "slow"
      ? "high"
      : service.health === "healthy"
        ? "ok"
        : "quiet";
}

/** It told of requests within the last hour, and of none now. */
function isSilent(service: ServiceView | undefined): boolean {
  return service?.last_heard_at != null && service.requests === 0;
}

function silence(service: ServiceView | undefined, now: number): string | null {
  const heard = service?.last_heard_at;
  return heard && isSilent(service)
    ? `silent for ${shortDuration((now - Date.parse(heard)) / 1000)}`
    : null;
}

function One({ service }: { service: ServiceView }) {
  return (
    <>
      <Panel
        title={service.service}
        aside={
          <Chip tone={healthTone(service)} dot>
            {isSilent(service) ? "silent" : service.health}
          </Chip>
        }
      >
        <dl className="figures">
          <Figure
            name="Rate"
            value={`${number(service.rate_per_sec, 1)}/s`}
            note={silence(service, useNow()) ?? `${number(service.requests)} requests`}
          />
          <Figure
            name="Errors"
            value={percent(service.error_percent, 1)}
            note={`${number(service.errors)} failed`}
          />
          <Figure name="Median" value={milliseconds(service.p50_ms)} />
          <Figure name="p95" value={milliseconds(service.p95_ms)} />
          <Figure name="p99" value={milliseconds(service.p99_ms)} />
        </dl>
        <RedCharts service={service.service} />
      </Panel>
      <div className="two">
        <div className="column">
          <Panel title="Operations" flush>
            <Scroll label="Operations">
              <table className="table">
                <thead>
                  <tr>
                    <th>Operation</th>
                    <th className="right">Rate</th>
                    <th className="right">Errors</th>
                    <th className="right">p95</th>
                  </tr>
                </thead>
                <tbody>
                  {service.operations.map((op) => (
                    <tr key={op.operation}>
                      <td className="mono">{op.operation}</td>
                      <td className="right num">{number(op.rate_per_sec, 1)}/s</td>
                      <td className="right num">{percent(op.error_percent, 1)}</td>
                      <td className="right num">{milliseconds(op.p95_ms)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          </Panel>
          {service.metrics.length > 0 ? <Metrics metrics={service.metrics} /> : null}
        </div>
        <div className="column">
          <Panel title="Objectives">
            {service.slos.length === 0 ? (
              <Empty title="None is set">
                [[slo]] in the config promises one: service, objective, target, window.
              </Empty>
            ) : (
              <ul className="plain stack">
                {service.slos.map((slo) => (
                  <li key={`${slo.objective}-${slo.target}`} className="budget">
                    <div>
                      <strong>{words(slo.objective)}</strong>
                      <span className="muted">
                        {slo.target} % over {slo.window_days} d
                        {slo.latency_ms ? ` within ${milliseconds(slo.latency_ms)}` : ""}
                      </span>
                    </div>
                    <Meter
                      value={(slo.budget_left_percent ?? 0) / 100}
                      tone={
                        (slo.budget_left_percent ?? 0) > 50
                          ? "ok"
                          : (slo.budget_left_percent ?? 0) > 15
                            ? "medium"
                            : "critical"
                      }
                      label={`error budget left ${percent(slo.budget_left_percent)}`}
                    />
                    <span className="num">{percent(slo.budget_left_percent)} left</span>
                    <small className="muted">
                      burns {number(slo.burn_5m, 1)} × over 5 min, {number(slo.burn_1h, 1)} × over 1
                      h
                    </small>
                  </li>
                ))}
              </ul>
            )}
          </Panel>
          <Panel title="Examples">
            {service.exemplars.length === 0 && service.error_logs.length === 0 ? (
              <Empty good title="No failed or slow request in this time" />
            ) : (
              <ul className="plain stack">
                {service.exemplars.map((e) => (
                  <li key={e.trace_id + e.operation}>
                    <Chip tone={e.kind === "error" ? "critical" : "medium"}>{e.kind}</Chip>{" "}
                    <span className="mono">{e.operation}</span> {milliseconds(e.duration_ms)}{" "}
                    <span className="muted">{clock(e.ended_at)}</span>
                    {e.message ? <p>{e.message}</p> : null}
                    <p className="muted mono">trace {e.trace_id}</p>
                  </li>
                ))}
                {service.error_logs.map((log) => (
                  <li key={log.template}>
                    <Chip tone="high">{number(log.count)} ×</Chip>{" "}
                    <span className="mono">{log.template}</span>
                  </li>
                ))}
              </ul>
            )}
          </Panel>
        </div>
      </div>
    </>
  );
}

/** What the service measures of itself, by the names that it gave. */
function Metrics({ metrics }: { metrics: ServiceView["metrics"] }) {
  return (
    <Panel title="Metrics" flush>
      <Scroll label="Metrics">
        <table className="table">
          <thead>
            <tr>
              <th>Metric</th>
              <th className="right">Value</th>
              <th className="right">p50</th>
              <th className="right">p95</th>
              <th className="right">p99</th>
            </tr>
          </thead>
          <tbody>
            {metrics.map((m) => (
              <tr key={m.metric}>
                <td className="series-name">
                  <span className="mono">{m.metric}</span>{" "}
                  <span className="muted">{m.kind === "histogram" ? "mean" : m.kind}</span>
                </td>
                {[m.value, m.p50, m.p95, m.p99].map((value, at) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: a column is its place
                  <td key={at} className="right num">
                    {inUnit(value, otlpUnit(m.unit))}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}
