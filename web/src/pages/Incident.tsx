import { useMutation, useQueries, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Fragment, useState } from "react";
import { ask, change } from "../api/client";
import type { ActionView, AlertView, IncidentView, TimelineEntry } from "../api/model";
import { useApprovals, useIncident, usePostmortem, useSeries } from "../api/queries";
import { useAt } from "../lib/at";
import { saveFile } from "../lib/file";
import { bytes, number, percent, rate, words } from "../lib/format";
import { useNow } from "../lib/now";
import { evidenceMetrics } from "../lib/series";
import { isOver, STEPS } from "../lib/severity";
import { clock, duration, secondsBetween } from "../lib/time";
import { INCIDENT_TABS } from "../router";
import { Chart } from "../ui/Chart";
import { Decision, Refused } from "../ui/Decision";
import { Markdown } from "../ui/Markdown";
import {
  ActionState,
  Answered,
  Chip,
  Code,
  Empty,
  IncidentState,
  Meter,
  Panel,
  Risk,
  Segments,
  SeverityMark,
  When,
} from "../ui/parts";

const route = getRouteApi("/incidents/$id");

export function Incident() {
  const { id } = route.useParams();
  const incident = useIncident(id);
  return (
    <div className="view incident">
      <Answered of={incident} lines={10}>
        {({ data }) => <Whole incident={data} />}
      </Answered>
    </div>
  );
}

function Whole({ incident }: { incident: IncidentView }) {
  const { tab } = route.useSearch();
  const navigate = route.useNavigate();
  const approvals = useApprovals();
  const alerts = useAlertsOf(incident);
  const waiting = (approvals.data?.data.approvals ?? []).filter(
    (a) => a.incident_id === incident.id,
  );
  return (
    <>
      <Head incident={incident} alerts={alerts} />
      <Steps incident={incident} />
      {waiting.length > 0 ? (
        <Panel title="hale asks you" className="asks">
          {waiting.map((approval) => (
            <Decision key={approval.id} approval={approval} />
          ))}
        </Panel>
      ) : null}
      <Segments
        label="Part"
        value={tab}
        options={INCIDENT_TABS.map((t) => [t, t] as const)}
        onChange={(to) => void navigate({ search: (old) => ({ ...old, tab: to }), replace: true })}
      />
      {tab === "story" ? (
        <div className="incident-columns">
          <Story incident={incident} />
          <div className="column">
            <Cause incident={incident} alerts={alerts} />
            <Plan incident={incident} />
          </div>
        </div>
      ) : tab === "evidence" ? (
        <EvidenceOf incident={incident} alerts={alerts} />
      ) : (
        <Postmortem incident={incident} />
      )}
    </>
  );
}

function useAlertsOf(incident: IncidentView): AlertView[] {
  return useQueries({
    queries: incident.alerts.map((id) => ({
      queryKey: [`/alerts/${id}`, {}],
      queryFn: ({ signal }: { signal: AbortSignal }) => ask<AlertView>(`/alerts/${id}`, {}, signal),
    })),
    combine: (all) => all.flatMap((one) => (one.data ? [one.data.data] : [])),
  });
}

function Head({ incident, alerts }: { incident: IncidentView; alerts: AlertView[] }) {
  const now = useNow();
  const at = useAt();
  const end = incident.closed_at ?? (at ? Date.parse(at) : now);
  return (
    <header className="incident-head">
      <p className="crumbs">
        <Link to="/incidents" search={(old) => ({ at: old.at })}>
          Incidents
        </Link>{" "}
        / <span className="mono">{incident.id}</span>
        {incident.external_ids.map((id) => (
          <Chip key={id}>{id}</Chip>
        ))}
      </p>
      <h1>{incident.title}</h1>
      <div className="incident-facts">
        <SeverityMark severity={incident.severity} />
        <IncidentState state={incident.state} />
        <span>
          began <When time={incident.opened_at} exact />
        </span>
        <span>
          {incident.closed_at ? "took" : "for"}{" "}
          <b className="num">{duration(secondsBetween(incident.opened_at, end))}</b>
        </span>
        <span className="grow" />
        <button
          type="button"
          className="button small"
          onClick={() => void exported(incident, alerts)}
        >
          Export
        </button>
      </div>
    </header>
  );
}

/** Everything that the agent tells of an incident, as one file. */
async function exported(incident: IncidentView, alerts: AlertView[]): Promise<void> {
  const from = new Date(Date.parse(incident.opened_at) - 300_000).toISOString();
  const to = new Date((incident.closed_at ? Date.parse(incident.closed_at) : Date.now()) + 60_000);
  const until = new Date(Math.min(to.getTime(), Date.now())).toISOString();
  const metrics =
    "cpu_total,mem_used_percent,load1,disk_read_mbps,disk_write_mbps,process_count,health_score";
  const [series, audit] = await Promise.allSettled([
    ask("/series", { metrics, since: from, until, points: 600 }),
    ask("/audit", { limit: 1000 }),
  ]);
  const bundle = {
    schema_version: "hale.incident.export.v1",
    exported_at: new Date().toISOString(),
    incident,
    alerts,
    telemetry: series.status === "fulfilled" ? series.value.data : { error: String(series.reason) },
    audit: audit.status === "fulfilled" ? audit.value.data : { error: String(audit.reason) },
  };
  saveFile(`${incident.id}.json`, "application/json", JSON.stringify(bundle, null, 2));
}

function Steps({ incident }: { incident: IncidentView }) {
  const reached = (STEPS as readonly string[]).indexOf(incident.state);
  const passed = new Set(incident.timeline.map((line) => line.kind));
  const skipped = (step: string) =>
    isOver(incident.state) &&
    ((step === "awaiting_approval" && !passed.has("approval")) ||
      (step === "acting" && !passed.has("intent")) ||
      (step === "verifying" && !passed.has("verified")));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: on a phone it scrolls, which must be possible by key
    <ol className="steps" data-state={incident.state} tabIndex={0} aria-label="Where it stands">
      {STEPS.map((step, at) => (
        <li
          key={step}
          data-place={
            at < reached ? (skipped(step) ? "skipped" : "past") : at === reached ? "here" : "ahead"
          }
          aria-current={at === reached ? "step" : undefined}
        >
          <i aria-hidden="true" />
          {step === "awaiting_approval" ? "approval" : words(step)}
        </li>
      ))}
      {incident.state === "escalated" ? (
        <li data-place="here" aria-current="step">
          <i aria-hidden="true" />
          with a person
        </li>
      ) : null}
    </ol>
  );
}

const VOICES: Record<string, { does: string; icon: string }> = {
  Scout: {
    does: "observes",
    icon: "M12 6c-4.5 0-7.5 4-8.5 6 1 2 4 6 8.5 6s7.5-4 8.5-6c-1-2-4-6-8.5-6zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  },
  Brain: {
    does: "orients",
    icon: "M12 5v14M12 7a3 3 0 0 0-5.5-1A3 3 0 0 0 5 11a3 3 0 0 0 1 5 3 3 0 0 0 6 1M12 7a3 3 0 0 1 5.5-1A3 3 0 0 1 19 11a3 3 0 0 1-1 5 3 3 0 0 1-6 1",
  },
  Guard: { does: "decides", icon: "M12 4l7 2.5V12c0 4-3 7-7 8.5-4-1.5-7-4.5-7-8.5V6.5z" },
  Fixer: {
    does: "acts and verifies",
    icon: "M14.5 6.5a4 4 0 0 0-5 5L4 17l3 3 5.5-5.5a4 4 0 0 0 5-5L15 12l-3-3z",
  },
  Person: {
    does: "a person",
    icon: "M12 5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM5 20c.5-4 3.5-6 7-6s6.5 2 7 6",
  },
};

function Story({ incident }: { incident: IncidentView }) {
  const at = useAt();
  const isLive = !at && !isOver(incident.state) && incident.state !== "escalated";
  const firstAt = incident.timeline[0]?.ts ?? incident.opened_at;
  return (
    <Panel
      title="What happened"
      aside={
        isLive ? (
          <Chip tone="accent" dot>
            live
          </Chip>
        ) : null
      }
    >
      {incident.timeline.length === 0 ? (
        <Empty title="No line yet">Scout, Brain, Guard and Fixer speak here as they work.</Empty>
      ) : (
        <ol className="story" aria-live={isLive ? "polite" : undefined} aria-relevant="additions">
          {incident.timeline.map((line, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: lines of one moment may be alike, and none is ever removed
            <Thought key={`${line.ts}-${line.kind}-${index}`} line={line} first={firstAt} />
          ))}
          {isLive ? (
            <li className="story-next" aria-hidden="true">
              <i />
              <i />
              <i />
            </li>
          ) : null}
        </ol>
      )}
      {at ? null : <Note id={incident.id} />}
    </Panel>
  );
}

function Thought({ line, first }: { line: TimelineEntry; first: string }) {
  const voice = VOICES[line.agent];
  const after = secondsBetween(first, line.ts);
  return (
    <li className="thought" data-voice={line.agent} data-kind={line.kind}>
      <span className="voice-mark" aria-hidden="true">
        <svg viewBox="0 0 24 24" width="16" height="16">
          <path d={voice?.icon ?? "M12 12h0"} />
        </svg>
      </span>
      <div>
        <p className="thought-head">
          <b title={voice?.does}>{line.agent}</b>
          <span>{words(line.kind)}</span>
          <time dateTime={line.ts} title={new Date(line.ts).toLocaleString()}>
            {clock(line.ts)} <span className="after">+{duration(Math.max(0, after))}</span>
          </time>
        </p>
        <p className="thought-text">{line.text}</p>
      </div>
    </li>
  );
}

function Note({ id }: { id: string }) {
  const [text, setText] = useState("");
  const client = useQueryClient();
  const note = useMutation({
    mutationFn: () => change(`/incidents/${id}/note`, { text: text.trim() }),
    onSuccess: () => {
      setText("");
      return client.invalidateQueries({
        predicate: (q) => String(q.queryKey[0]).startsWith("/incidents"),
      });
    },
  });
  return (
    <form
      className="note"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim()) note.mutate();
      }}
    >
      <label>
        <span className="sr-only">Add a note to the timeline</span>
        <input
          value={text}
          onChange={(e) => setText(e.target.value)}
          placeholder="Add a note to the timeline"
          maxLength={2000}
        />
      </label>
      <button type="submit" className="button" disabled={!text.trim() || note.isPending}>
        Add
      </button>
      {note.error ? <Refused error={note.error} /> : null}
    </form>
  );
}

function Cause({ incident, alerts }: { incident: IncidentView; alerts: AlertView[] }) {
  const { diagnosis } = incident;
  const known = new Map(alerts.flatMap((alert) => alert.evidence.map((e) => [e.id, e] as const)));
  const cited = (diagnosis?.evidence ?? []).flatMap((id) => known.get(id) ?? []);
  // While an alert lasts its evidence is renewed, under new ids: then the newest stands for what was cited.
  const evidence = cited.length > 0 ? cited : [...known.values()];
  return (
    <Panel title="Cause">
      {diagnosis ? (
        <>
          <p className="lead">{diagnosis.cause}</p>
          <div className="confidence">
            <span>confidence</span>
            <Meter
              value={diagnosis.confidence}
              label={`confidence ${percent(diagnosis.confidence * 100)}`}
              tone="accent"
            />
            <span className="num">{percent(diagnosis.confidence * 100)}</span>
            <Chip>{diagnosis.source === "local" ? "rules and correlation" : diagnosis.source}</Chip>
          </div>
          {evidence.length > 0 ? (
            <>
              <h3>It rests on</h3>
              <ul className="evidence">
                {evidence.map((one) => (
                  <li key={one.id}>
                    {one.text}
                    <span className="muted">
                      {" "}
                      {one.source}, {clock(one.observed_at)}
                    </span>
                  </li>
                ))}
              </ul>
            </>
          ) : null}
          {diagnosis.prevention ? (
            <>
              <h3>So that it does not come again</h3>
              <p>{diagnosis.prevention}</p>
            </>
          ) : null}
        </>
      ) : (
        <Empty title="No cause is named yet">
          Brain names one within a turn of the loop, from the evidence of the alerts.
        </Empty>
      )}
    </Panel>
  );
}

function Plan({ incident }: { incident: IncidentView }) {
  return (
    <Panel title="Plan and actions">
      {incident.actions.length === 0 ? (
        <Empty title="No action">
          {incident.state === "escalated"
            ? "hale may not or cannot cure this alone; the story says why."
            : "In mode observe hale proposes nothing; in suggest it says what to type."}
        </Empty>
      ) : (
        <ol className="plain stack">
          {incident.actions.map((action) => (
            <li key={action.id}>
              <Action action={action} />
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

const UNDOABLE = new Set(["succeeded", "failed"]);

function Action({ action }: { action: ActionView }) {
  const at = useAt();
  const client = useQueryClient();
  const [sure, setSure] = useState(false);
  const undo = useMutation({
    mutationFn: () => change(`/actions/${action.id}/undo`),
    onSettled: () =>
      client.invalidateQueries({
        predicate: (q) => String(q.queryKey[0]).startsWith("/incidents"),
      }),
  });
  const canUndo =
    !at && UNDOABLE.has(action.state) && action.undo != null && !action.undo.startsWith("none");
  return (
    <article className="action">
      <header>
        <strong>
          {action.kind} <span className="muted">on</span> {action.target}
        </strong>
        <div className="chips">
          <ActionState state={action.state} />
          <Risk risk={action.risk} />
        </div>
      </header>
      <p>{action.why}</p>
      <Code>{action.command}</Code>
      {action.detail ? <p>{action.detail}</p> : null}
      {action.observations.length > 0 ? (
        <>
          <h3>{action.state === "succeeded" ? "Proven by looking again" : "Seen afterwards"}</h3>
          <ul className="proof" data-ok={action.state === "succeeded" || undefined}>
            {action.observations.map((seen) => (
              <li key={seen}>{seen}</li>
            ))}
          </ul>
        </>
      ) : null}
      <details>
        <summary>Why the guard said “{action.verdict}”</summary>
        <ul className="reasons">
          {action.reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      </details>
      {action.undo ? (
        <p className="undo">
          <span className="muted">Undo:</span> {action.undo}
          {canUndo ? (
            <button
              type="button"
              className="button small"
              disabled={undo.isPending}
              onClick={() => (sure ? undo.mutate() : setSure(true))}
              onBlur={() => setSure(false)}
            >
              {sure ? "Really undo" : "Undo"}
            </button>
          ) : null}
        </p>
      ) : null}
      {undo.error ? <Refused error={undo.error} /> : null}
    </article>
  );
}

const FORMATS = {
  percent: (v: number | null | undefined) => percent(v, v != null && v < 10 ? 1 : 0),
  load: (v: number | null | undefined) => number(v, 2),
  rate,
  count: (v: number | null | undefined) => number(v),
};

function EvidenceOf({ incident, alerts }: { incident: IncidentView; alerts: AlertView[] }) {
  const now = useNow();
  const at = useAt();
  const opened = Date.parse(incident.opened_at);
  const closed = incident.closed_at ? Date.parse(incident.closed_at) : null;
  const end = closed ?? (at ? Date.parse(at) : Math.floor(now / 5000) * 5000);
  const margin = Math.max(60_000, Math.min(900_000, (end - opened) * 0.6));
  const since = opened - margin;
  const until = Math.min(end + margin, at ? Date.parse(at) : Math.floor(now / 5000) * 5000);
  const charts = evidenceMetrics(alerts.map((a) => a.kind));
  const metrics = charts.flatMap((chart) => chart.metrics);
  const series = useSeries(
    metrics,
    new Date(since).toISOString(),
    new Date(Math.max(until, since + 1000)).toISOString(),
    false,
  );
  const shades = [
    { from: opened / 1000, to: closed ? closed / 1000 : null, label: "while the fault was there" },
  ];
  return (
    <div className="stack">
      <Panel
        title="While the fault was there"
        aside={<span className="shade-key">shaded: open</span>}
      >
        <Answered of={series} lines={6}>
          {({ data }) =>
            data.times.length < 2 ? (
              <Empty title="No figures from that time">
                The last looks are kept in memory, older ones once a minute ([history]
                snapshot_interval_secs).
              </Empty>
            ) : (
              <div className="charts">
                {charts.map((chart) => (
                  <Chart
                    key={chart.title}
                    title={chart.title}
                    times={data.times}
                    step={data.step_secs}
                    until={[since / 1000, until / 1000]}
                    shades={shades}
                    sync={`incident-${incident.id}`}
                    format={FORMATS[chart.unit]}
                    range={chart.unit === "percent" ? [0, 100] : undefined}
                    lines={chart.metrics.map((metric, index) => ({
                      label: metric
                        .replace(/_(total|percent|mbps)$/, "")
                        .replace("mem_used", "used")
                        .replaceAll("_", " "),
                      values: data.series.find((s) => s.metric === metric)?.values ?? [],
                      color: (index + 1) as 1 | 2,
                      fill: index === 0,
                    }))}
                  />
                ))}
              </div>
            )
          }
        </Answered>
      </Panel>
      <Panel title="Alerts and what they rest on">
        {alerts.map((alert) => (
          <Fragment key={alert.id}>
            <p className="alert-line">
              <SeverityMark severity={alert.severity} /> <strong>{alert.summary}</strong>{" "}
              <span className="muted mono">{alert.kind}</span>
            </p>
            <ul className="evidence">
              {alert.evidence.map((evidence) => (
                <li key={evidence.id}>
                  {evidence.text}
                  <span className="muted">
                    {" "}
                    {evidence.source}, {clock(evidence.observed_at)}
                    {evidence.value != null && evidence.unit === "bytes"
                      ? `, ${bytes(evidence.value)}`
                      : ""}
                  </span>
                </li>
              ))}
            </ul>
          </Fragment>
        ))}
        {alerts.length === 0 ? (
          <Empty title="No alert of it is known">
            Alerts are kept in state.db; one of a webhook may have none.
          </Empty>
        ) : null}
      </Panel>
    </div>
  );
}

function Postmortem({ incident }: { incident: IncidentView }) {
  const postmortem = usePostmortem(incident.id, true);
  return (
    <Panel
      title="Postmortem"
      aside={
        postmortem.data ? (
          <button
            type="button"
            className="button small"
            onClick={() => saveFile(`${incident.id}.md`, "text/markdown", postmortem.data)}
          >
            Download Markdown
          </button>
        ) : null
      }
    >
      <Answered of={postmortem} lines={10}>
        {(text) => <Markdown text={text} />}
      </Answered>
    </Panel>
  );
}
