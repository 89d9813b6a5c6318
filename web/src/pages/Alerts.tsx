import { useMutation, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { change } from "../api/client";
import type { AlertView } from "../api/model";
import { useAlert, useAlerts } from "../api/queries";
import { useAt } from "../lib/at";
import { plural } from "../lib/format";
import { useNow } from "../lib/now";
import { matches } from "../lib/search";
import { bySeverity } from "../lib/severity";
import { clock, duration, secondsBetween } from "../lib/time";
import { ALERT_STATES, SEVERITIES } from "../router";
import { Refused } from "../ui/Decision";
import {
  Answered,
  Chip,
  Code,
  Empty,
  Find,
  Panel,
  Segments,
  SeverityMark,
  When,
} from "../ui/parts";

const route = getRouteApi("/alerts");

export function Alerts() {
  const { state, severity, find, open } = route.useSearch();
  const navigate = route.useNavigate();
  const alerts = useAlerts(state === "closed" ? "closed" : undefined);
  const set = (
    to: Partial<{ state: typeof state; severity: typeof severity; find: string; open: string }>,
  ) => void navigate({ search: (old) => ({ ...old, ...to }), replace: true });
  return (
    <div className="view">
      <header className="view-head">
        <h1>Alerts</h1>
        <Segments
          label="State"
          value={state}
          options={ALERT_STATES.map((s) => [s, s] as const)}
          onChange={(to) => set({ state: to })}
        />
        <Segments
          label="Severity"
          value={severity}
          options={SEVERITIES.map((s) => [s, s] as const)}
          onChange={(to) => set({ severity: to })}
        />
        <Find value={find} onChange={(to) => set({ find: to })} placeholder="Find an alert" />
      </header>
      <div className={open ? "split" : ""}>
        <Panel flush>
          <Answered of={alerts} lines={8}>
            {({ data }) => {
              const shown = data.alerts
                .filter(
                  (a) =>
                    (severity === "all" || a.severity === severity) &&
                    matches(find, a.id, a.kind, a.subject, a.summary),
                )
                .sort((a, b) =>
                  state === "active"
                    ? bySeverity(a, b)
                    : b.first_seen_at.localeCompare(a.first_seen_at),
                );
              if (shown.length > 0) {
                return (
                  <ul className="plain rows">
                    {shown.map((alert) => (
                      <li key={alert.id}>
                        <button
                          type="button"
                          className="row"
                          data-line
                          aria-expanded={alert.id === open}
                          onClick={() => set({ open: alert.id === open ? "" : alert.id })}
                        >
                          <SeverityMark severity={alert.severity} label={false} />
                          <span className="row-main">
                            <strong>{alert.summary}</strong>
                            <span className="row-note">
                              {alert.kind} · {alert.subject}
                            </span>
                          </span>
                          <span className="row-side">
                            <AlertState alert={alert} />
                            <span className="row-time">
                              <When time={alert.first_seen_at} />
                            </span>
                          </span>
                        </button>
                      </li>
                    ))}
                  </ul>
                );
              }
              return data.alerts.length === 0 ? (
                <Empty
                  good
                  title={
                    state === "active"
                      ? "Nothing is wrong that hale can see"
                      : "No alert has closed yet"
                  }
                >
                  Detectors look at processes, memory, CPU, disks, journal, units, containers and
                  traces, each turn of the loop.
                </Empty>
              ) : (
                <Empty title="None of these fits">
                  {plural(data.alerts.length, "alert")} in this state; choose all severities or
                  fewer words.
                </Empty>
              );
            }}
          </Answered>
        </Panel>
        {open ? <Detail id={open} onClose={() => set({ open: "" })} /> : null}
      </div>
    </div>
  );
}

function AlertState({ alert }: { alert: AlertView }) {
  const tone = alert.state === "open" ? "medium" : alert.state === "acknowledged" ? "info" : "ok";
  return (
    <Chip tone={tone} dot>
      {alert.state}
    </Chip>
  );
}

function Detail({ id, onClose }: { id: string; onClose: () => void }) {
  const alert = useAlert(id);
  const at = useAt();
  const now = useNow();
  const client = useQueryClient();
  const panel = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: on a phone it stands below the list; shown again for each alert
  useEffect(() => {
    if (innerWidth < 900) panel.current?.scrollIntoView({ block: "start", behavior: "smooth" });
  }, [id]);
  const act = useMutation({
    mutationFn: (what: "ack" | "close") => change(`/alerts/${id}/${what}`),
    onSettled: () =>
      client.invalidateQueries({ predicate: (q) => String(q.queryKey[0]).startsWith("/alerts") }),
  });
  return (
    <div ref={panel} className="detail">
      <Panel
        title="Alert"
        aside={
          <button type="button" className="ghost" onClick={onClose}>
            Close
          </button>
        }
      >
        <Answered of={alert} lines={6}>
          {({ data }) => (
            <div className="stack">
              <p className="lead">{data.summary}</p>
              <div className="chips">
                <SeverityMark severity={data.severity} />
                <AlertState alert={data} />
                <Chip>{data.kind}</Chip>
              </div>
              <dl className="facts">
                <div>
                  <dt>About</dt>
                  <dd>{data.subject}</dd>
                </div>
                <div>
                  <dt>First seen</dt>
                  <dd>
                    <When time={data.first_seen_at} exact />
                  </dd>
                </div>
                <div>
                  <dt>{data.closed_at ? "Closed" : "Last seen"}</dt>
                  <dd>
                    <When time={data.closed_at ?? data.last_seen_at} exact />
                    {data.close_reason ? ` · ${data.close_reason}` : ""}
                  </dd>
                </div>
                <div>
                  <dt>Lasted</dt>
                  <dd>{duration(secondsBetween(data.first_seen_at, data.closed_at ?? now))}</dd>
                </div>
              </dl>
              <h3>What it rests on</h3>
              <ul className="evidence">
                {data.evidence.map((e) => (
                  <li key={e.id}>
                    {e.text}
                    <span className="muted">
                      {" "}
                      {e.source}, {clock(e.observed_at)}
                    </span>
                  </li>
                ))}
              </ul>
              {data.suggested_actions.length > 0 ? (
                <>
                  <h3>What may help</h3>
                  {data.suggested_actions.map((command) => (
                    <Code key={command}>{command}</Code>
                  ))}
                </>
              ) : null}
              <div className="buttons">
                {data.incident_id ? (
                  <Link
                    to="/incidents/$id"
                    params={{ id: data.incident_id }}
                    search={(old) => ({ at: old.at })}
                    className="button"
                  >
                    Its incident
                  </Link>
                ) : null}
                {!at && data.state === "open" ? (
                  <button
                    type="button"
                    className="button"
                    disabled={act.isPending}
                    onClick={() => act.mutate("ack")}
                  >
                    Acknowledge
                  </button>
                ) : null}
                {!at && data.state !== "closed" ? (
                  <button
                    type="button"
                    className="button"
                    disabled={act.isPending}
                    onClick={() => act.mutate("close")}
                  >
                    Close it
                  </button>
                ) : null}
              </div>
              {act.error ? <Refused error={act.error} /> : null}
            </div>
          )}
        </Answered>
      </Panel>
    </div>
  );
}
