import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useMemo, useRef } from "react";
import type { EdgeTraffic, ServicesView, ServiceView } from "../api/model";
import { useServices } from "../api/queries";
import { useAt, useGoTo } from "../lib/at";
import { milliseconds, number, percent, words } from "../lib/format";
import { layout } from "../lib/map";
import { clock } from "../lib/time";
import { Chart } from "../ui/Chart";
import { Answered, Chip, Empty, Figure, Meter, Panel } from "../ui/parts";

const route = getRouteApi("/services");

/** Looks that are kept for the charts while the page is open. */
const LOOKS_MAX = 360;

interface Look {
  at: number;
  services: Map<string, ServiceView>;
}

const looks: Look[] = [];

function useLooks(view: ServicesView | undefined, at: string | undefined): Look[] {
  const last = useRef<string>(undefined);
  if (view && at && last.current !== at) {
    last.current = at;
    const time = Date.parse(at) / 1000;
    if (time > (looks.at(-1)?.at ?? 0)) {
      looks.push({ at: time, services: new Map(view.services.map((s) => [s.service, s])) });
      if (looks.length > LOOKS_MAX) looks.shift();
    }
  }
  useEffect(() => {
    last.current = undefined;
  }, []);
  return looks;
}

export function Services() {
  const at = useAt();
  const goTo = useGoTo();
  const { service } = route.useSearch();
  const navigate = route.useNavigate();
  const services = useServices();
  const history = useLooks(services.data?.data, services.data?.generated_at);
  if (at) {
    return (
      <div className="view">
        <header className="view-head">
          <h1>Services</h1>
        </header>
        <Panel>
          <Empty title="The map is only shown as it is now">
            Requests of the past are in telemetry: <code>hale query "FROM span_stats"</code>.{" "}
            <button type="button" className="button small" onClick={() => goTo(undefined)}>
              Back to now
            </button>
          </Empty>
        </Panel>
      </div>
    );
  }
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
              {chosen ? <One service={chosen} history={history} /> : null}
            </>
          );
        }}
      </Answered>
    </div>
  );
}

const NODE = { width: 168, height: 58, gapX: 96, gapY: 22, pad: 12 };

function ServiceMap({
  view,
  chosen,
  onChoose,
}: {
  view: ServicesView;
  chosen: string;
  onChoose: (name: string) => void;
}) {
  const nodes = useMemo(
    () =>
      layout(
        view.services.map((s) => s.service),
        view.edges,
      ),
    [view],
  );
  const byName = new Map(view.services.map((s) => [s.service, s]));
  const columns = Math.max(...nodes.map((n) => n.column)) + 1;
  const tallest = Math.max(...nodes.map((n) => n.row)) + 1;
  const inColumn = (column: number) => nodes.filter((n) => n.column === column).length;
  const x = (column: number) => NODE.pad + column * (NODE.width + NODE.gapX);
  const y = (node: { column: number; row: number }) =>
    NODE.pad + (node.row + (tallest - inColumn(node.column)) / 2) * (NODE.height + NODE.gapY);
  const width = NODE.pad * 2 + columns * NODE.width + (columns - 1) * NODE.gapX;
  const height = NODE.pad * 2 + tallest * NODE.height + (tallest - 1) * NODE.gapY;
  const place = new Map(nodes.map((n) => [n.name, n]));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by key
    <div className="scroll map" role="region" aria-label="Service map" tabIndex={0}>
      <div className="map-inner" style={{ width, height }}>
        <svg width={width} height={height} aria-hidden="true">
          {view.edges.map((edge) => {
            const from = place.get(edge.from);
            const to = place.get(edge.to);
            if (!from || !to || from === to) return null;
            const x0 = x(from.column) + NODE.width;
            const y0 = y(from) + NODE.height / 2;
            const x1 = x(to.column);
            const y1 = y(to) + NODE.height / 2;
            const bend = Math.max(40, Math.abs(x1 - x0) / 2);
            return (
              <g key={`${edge.from}>${edge.to}`} className="edge" data-tone={edgeTone(edge)}>
                <path d={`M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`} />
                <text x={(x0 + x1) / 2} y={(y0 + y1) / 2 - 5}>
                  {number(edge.rate_per_sec, 1)}/s
                </text>
              </g>
            );
          })}
        </svg>
        {nodes.map((node) => {
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
              style={{ left: x(node.column), top: y(node), width: NODE.width, height: NODE.height }}
              onClick={() => onChoose(node.name)}
            >
              <span className="node-name">
                <i aria-hidden="true" />
                {node.name}
              </span>
              <span className="node-note">
                {service
                  ? `${number(service.rate_per_sec, 1)}/s · ${percent(service.error_percent, 1)} · ${milliseconds(service.p95_ms)}`
                  : "tells nothing itself"}
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
    </div>
  );
}
function edgeTone(edge: EdgeTraffic): string {
  const failing = edge.error_percent ?? 0;
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

function One({ service, history }: { service: ServiceView; history: Look[] }) {
  const times = history.map((look) => look.at);
  const figure = (pick: (s: ServiceView) => number | null) =>
    history.map((look) => {
      const then = look.services.get(service.service);
      return then ? pick(then) : null;
    });
  return (
    <>
      <Panel
        title={service.service}
        aside={
          <Chip tone={healthTone(service)} dot>
            {service.health}
          </Chip>
        }
      >
        <dl className="figures">
          <Figure
            name="Rate"
            value={`${number(service.rate_per_sec, 1)}/s`}
            note={`${number(service.requests)} requests`}
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
        <div className="charts three">
          <Chart
            title="Rate"
            times={times}
            sync="red"
            format={(v) => `${number(v, 1)}/s`}
            range={[0, null]}
            lines={[
              { label: "requests", values: figure((s) => s.rate_per_sec), color: 1, fill: true },
            ]}
          />
          <Chart
            title="Errors"
            times={times}
            sync="red"
            format={(v) => percent(v, 1)}
            range={[0, null]}
            lines={[
              { label: "failed", values: figure((s) => s.error_percent), color: 4, fill: true },
            ]}
          />
          <Chart
            title="Duration"
            times={times}
            sync="red"
            format={milliseconds}
            range={[0, null]}
            lines={[
              { label: "p50", values: figure((s) => s.p50_ms), color: 1 },
              { label: "p95", values: figure((s) => s.p95_ms), color: 2 },
              { label: "p99", values: figure((s) => s.p99_ms), color: 3 },
            ]}
          />
        </div>
      </Panel>
      <div className="two">
        <Panel title="Operations" flush>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by key */}
          <div className="scroll" role="region" aria-label="Operations" tabIndex={0}>
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
          </div>
        </Panel>
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
