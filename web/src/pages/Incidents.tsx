import { getRouteApi } from "@tanstack/react-router";
import { useIncidents } from "../api/queries";
import { matches } from "../lib/search";
import { isOver } from "../lib/severity";
import { INCIDENT_FILTERS } from "../router";
import { Answered, Empty, Find, Panel, Segments } from "../ui/parts";
import { IncidentRow } from "../ui/rows";

const route = getRouteApi("/incidents");

export function Incidents() {
  const { show, find } = route.useSearch();
  const navigate = route.useNavigate();
  const incidents = useIncidents(undefined, 200);
  const set = (to: Partial<{ show: typeof show; find: string }>) =>
    void navigate({ search: (old) => ({ ...old, ...to }), replace: true });
  return (
    <div className="view">
      <header className="view-head">
        <h1>Incidents</h1>
        <Segments
          label="Show"
          value={show}
          options={INCIDENT_FILTERS.map((f) => [f, f] as const)}
          onChange={(to) => set({ show: to })}
        />
        <Find value={find} onChange={(to) => set({ find: to })} placeholder="Find an incident" />
      </header>
      <Panel flush>
        <Answered of={incidents} lines={8}>
          {({ data }) => {
            const shown = data.incidents.filter(
              (i) =>
                (show === "all" || (show === "open" ? !isOver(i.state) : i.state === show)) &&
                matches(
                  find,
                  i.id,
                  i.title,
                  i.state,
                  i.severity,
                  i.diagnosis?.cause,
                  i.diagnosis?.cause_kind,
                  ...i.external_ids,
                ),
            );
            if (shown.length > 0) {
              return (
                <ul className="plain rows">
                  {shown.map((incident) => (
                    <IncidentRow key={incident.id} incident={incident} />
                  ))}
                </ul>
              );
            }
            return data.incidents.length === 0 ? (
              <Empty good title="No incident in this time">
                Detectors on this machine, traces (ports 4317, 4318) and webhooks (POST /webhook,
                Alertmanager, Grafana) open them.
              </Empty>
            ) : (
              <Empty title="None of these fits">Show all, or look for fewer words.</Empty>
            );
          }}
        </Answered>
      </Panel>
    </div>
  );
}
