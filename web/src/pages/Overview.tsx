import { getRouteApi, Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import type { Achieved, HealthFactor, IncidentView } from "../api/model";
import {
  useAchieved,
  useAlerts,
  useApprovals,
  useHealth,
  useIncidents,
  useMoment,
  useServices,
  useStatus,
} from "../api/queries";
import { useAt } from "../lib/at";
import { money, number, percent, plural, words } from "../lib/format";
import { useNow } from "../lib/now";
import { periodSecs } from "../lib/search";
import { bySeverity, healthWord, isOver } from "../lib/severity";
import { clock, duration } from "../lib/time";
import { PERIODS } from "../router";
import { Decision } from "../ui/Decision";
import {
  Answered,
  Chip,
  Empty,
  Figure,
  Meter,
  Panel,
  Segments,
  SeverityMark,
  Skeleton,
  When,
} from "../ui/parts";
import { IncidentRow } from "../ui/rows";

const route = getRouteApi("/");

export function Overview() {
  const at = useAt();
  return (
    <div className="view overview">
      <h1 className="sr-only">Overview</h1>
      <Health />
      <Waiting />
      <OpenIncidents />
      <Reached />
      <Budgets />
      {at ? null : <Expected />}
    </div>
  );
}

function Health() {
  const at = useAt();
  const live = useHealth();
  const past = useMoment();
  if (at) {
    return (
      <Panel title="Health" className="health">
        <Answered of={past} lines={5}>
          {({ data }) =>
            data.health ? (
              <Score
                score={data.health.score}
                factors={data.health.factors}
                issue={data.measured_at ? `as measured ${clock(data.measured_at)}` : null}
              />
            ) : (
              <Empty title="Nothing was stored near this moment">
                The agent was not running then, or telemetry was not yet written ([history]
                snapshot_interval_secs).
              </Empty>
            )
          }
        </Answered>
      </Panel>
    );
  }
  return (
    <Panel title="Health" className="health">
      <Answered of={live} lines={5}>
        {({ data }) => {
          const machine = data.machines[0];
          if (!machine)
            return (
              <Empty title="Nothing was judged yet">
                The first look comes within seconds of the start.
              </Empty>
            );
          return (
            <Score score={machine.score} factors={machine.factors} issue={machine.top_issue} />
          );
        }}
      </Answered>
    </Panel>
  );
}

const RING = 2 * Math.PI * 52;

function Score({
  score,
  factors,
  issue,
}: {
  score: number;
  factors: HealthFactor[];
  issue: string | null;
}) {
  const { word, tone } = healthWord(score);
  const figure = Math.round(score * 100);
  return (
    <div className="health-body">
      <div className="ring" data-tone={tone}>
        <svg viewBox="0 0 120 120" role="img" aria-label={`health ${figure} of 100, ${word}`}>
          <circle cx="60" cy="60" r="52" className="ring-track" />
          <circle
            cx="60"
            cy="60"
            r="52"
            className="ring-value"
            strokeDasharray={`${RING * score} ${RING}`}
            transform="rotate(-90 60 60)"
          />
        </svg>
        <div className="ring-words" aria-hidden="true">
          <b>{figure}</b>
          <span>{word}</span>
        </div>
      </div>
      <div className="health-why">
        <p className="lead">{issue ?? "All is well: nothing weighs on this machine."}</p>
        <ul className="factors">
          {factors.map((factor) => (
            <li key={factor.id} title={factor.why}>
              <span>{factor.id}</span>
              <Meter
                value={factor.score}
                tone={healthWord(factor.score).tone}
                label={`${factor.id}: ${factor.why}`}
              />
              <span className="num">{Math.round(factor.score * 100)}</span>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

/** Of what waits for a person, so many are shown at once; the others one click away, in the page. */
const WAITING_SHOWN = 3;

/** What only a person can settle: questions, incidents given back, alerts nobody took. */
function Waiting() {
  const [all, setAll] = useState(false);
  const approvals = useApprovals();
  const incidents = useIncidents();
  const escalated = (incidents.data?.data.incidents ?? []).filter((i) => i.state === "escalated");
  return (
    <Panel title="Needs you now" className="waiting">
      <Answered of={approvals} lines={3}>
        {({ data }) =>
          data.approvals.length + escalated.length === 0 ? (
            <Empty good title="Nothing waits for a person">
              Questions of the guard, and incidents that hale may not cure alone, come here.
            </Empty>
          ) : (
            <Some
              all={all}
              onAll={setAll}
              lines={[
                ...data.approvals.map((approval) => (
                  <li key={approval.id}>
                    <Decision approval={approval} compact />
                  </li>
                )),
                ...escalated.map((incident) => (
                  <li key={incident.id}>
                    <Handed incident={incident} />
                  </li>
                )),
              ]}
            />
          )
        }
      </Answered>
    </Panel>
  );
}

function Some({
  lines,
  all,
  onAll,
}: {
  lines: ReactNode[];
  all: boolean;
  onAll: (all: boolean) => void;
}) {
  const hidden = lines.length - WAITING_SHOWN;
  return (
    <>
      <ul className="plain stack">{all ? lines : lines.slice(0, WAITING_SHOWN)}</ul>
      {hidden > 0 && (
        <button type="button" className="button small" onClick={() => onAll(!all)}>
          {all ? "Show fewer" : `Show ${plural(hidden, "more", "more")}`}
        </button>
      )}
    </>
  );
}

function Handed({ incident }: { incident: IncidentView }) {
  const why = incident.timeline.findLast((line) => line.kind === "escalated")?.text;
  return (
    <Link
      to="/incidents/$id"
      params={{ id: incident.id }}
      search={(old) => ({ at: old.at })}
      className="handed"
      data-line
    >
      <SeverityMark severity={incident.severity} />
      <strong>{incident.title}</strong>
      <p>{why ?? "hale gave this incident to a person."}</p>
    </Link>
  );
}

function OpenIncidents() {
  const incidents = useIncidents();
  const alerts = useAlerts(undefined);
  return (
    <Panel
      title="Incidents"
      flush
      className="recent"
      aside={
        <Link to="/incidents" search={(old) => ({ at: old.at })}>
          All
        </Link>
      }
    >
      <Answered of={incidents} lines={4}>
        {({ data }) => {
          const open = data.incidents.filter((i) => !isOver(i.state)).sort(bySeverity);
          const over = data.incidents.filter((i) => isOver(i.state));
          const shown = [...open, ...over].slice(0, 7);
          const loose = (alerts.data?.data.alerts ?? []).filter((a) => !a.incident_id);
          return shown.length === 0 ? (
            <Empty good title="No incident yet">
              Detectors over processes, memory, disks, journal, containers and traces open one when
              something is wrong
              {loose.length ? `; ${plural(loose.length, "alert")} stand alone` : ""}.
            </Empty>
          ) : (
            <ul className="plain rows">
              {shown.map((incident) => (
                <IncidentRow key={incident.id} incident={incident} />
              ))}
            </ul>
          );
        }}
      </Answered>
    </Panel>
  );
}

function Reached() {
  const { period } = route.useSearch();
  const navigate = route.useNavigate();
  const at = useAt();
  const now = useNow();
  // To the minute, so that it is the same question for a while.
  const end = at ? Date.parse(at) : Math.floor(now / 60_000) * 60_000;
  const achieved = useAchieved(new Date(end - periodSecs(period) * 1000).toISOString(), at);
  return (
    <Panel
      title="What hale achieved"
      className="reached"
      aside={
        <Segments
          label="Period"
          value={period}
          options={PERIODS.map((p) => [p, p.replace("d", " d")] as const)}
          onChange={(to) =>
            void navigate({ search: (old) => ({ ...old, period: to }), replace: true })
          }
        />
      }
    >
      <Answered of={achieved} lines={3}>
        {({ data }) => <Figures data={data} />}
      </Answered>
    </Panel>
  );
}

function Figures({ data }: { data: Achieved }) {
  const saved: ReactNode =
    data.saved_money == null
      ? duration(data.saved_minutes * 60)
      : money(data.saved_money, data.currency);
  return (
    <>
      <dl className="figures">
        <Figure
          name="Incidents"
          value={number(data.incidents)}
          note={`${number(data.resolved)} over, ${number(data.escalated)} with a person`}
        />
        <Figure
          name="Time to recovery"
          value={data.mttr_median_secs == null ? "–" : duration(data.mttr_median_secs)}
          note={
            data.mttr_mean_secs == null
              ? "none was resolved"
              : `median; mean ${duration(data.mttr_mean_secs)}`
          }
        />
        <Figure
          name="Cures proven"
          value={data.success_rate == null ? "–" : percent(data.success_rate * 100)}
          note={
            data.actions === 0
              ? "no action was taken"
              : `${data.actions_succeeded} of ${plural(data.actions, "action")}`
          }
        />
        <Figure
          name="Cured alone"
          value={number(data.cured_alone)}
          note={`${data.cured_with_person} with a person, ${data.over_by_itself} by themselves`}
        />
        <Figure
          name="Saved"
          value={saved}
          note={
            data.saved_money == null
              ? "of people's time"
              : `${duration(data.saved_minutes * 60)} of people's time`
          }
          title={data.formula}
        />
      </dl>
      <p className="formula">Saved = {data.formula}</p>
    </>
  );
}

function Budgets() {
  const services = useServices();
  const slos = (services.data?.data.services ?? []).flatMap((s) => s.slos);
  return (
    <Panel
      title="Error budgets"
      className="budgets"
      aside={
        <Link to="/services" search={(old) => ({ at: old.at })}>
          Services
        </Link>
      }
    >
      {services.isPending ? (
        <Skeleton />
      ) : slos.length === 0 ? (
        <Empty title="No objective is set">
          Name one in the config ([[slo]] service, target, window) and send traces to port 4317 or
          4318.
        </Empty>
      ) : (
        <ul className="plain stack">
          {slos.map((slo) => (
            <li key={`${slo.service}-${slo.objective}-${slo.target}`} className="budget">
              <div>
                <strong>{slo.service}</strong>
                <span className="muted">
                  {words(slo.objective)} {slo.target} % over {slo.window_days} d
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
                label={`error budget left: ${percent(slo.budget_left_percent)}`}
              />
              <span className="num">{percent(slo.budget_left_percent)} left</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Expected() {
  const status = useStatus(30_000);
  const predictions = status.data?.data.predictions ?? [];
  if (predictions.length === 0) return null;
  return (
    <Panel title="Expected" className="expected">
      <ul className="plain stack">
        {predictions.map((p) => (
          <li key={p.kind + p.text}>
            <Chip tone="medium">in {duration(p.eta_secs)}</Chip> {p.text}
          </li>
        ))}
      </ul>
      <p className="muted">
        as seen <When time={status.data?.generated_at ?? new Date().toISOString()} />
      </p>
    </Panel>
  );
}
