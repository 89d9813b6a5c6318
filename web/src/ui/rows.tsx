// Lines of lists that more than one view shows.

import { Link } from "@tanstack/react-router";
import type { IncidentView } from "../api/model";
import { useAt } from "../lib/at";
import { useNow } from "../lib/now";
import { duration, secondsBetween } from "../lib/time";
import { IncidentState, SeverityMark, When } from "./parts";

export function IncidentRow({ incident }: { incident: IncidentView }) {
  const now = useNow();
  const at = useAt();
  const end = incident.closed_at ?? (at ? Date.parse(at) : now);
  return (
    <li>
      <Link
        to="/incidents/$id"
        params={{ id: incident.id }}
        search={(old) => ({ at: old.at })}
        className="row"
        data-line
      >
        <SeverityMark severity={incident.severity} label={false} />
        <span className="row-main">
          <strong>{incident.title}</strong>
          <span className="row-note">
            {incident.diagnosis?.cause ??
              incident.timeline.at(-1)?.text ??
              "seen, nothing decided yet"}
          </span>
        </span>
        <span className="row-side">
          <IncidentState state={incident.state} />
          <span className="row-time">
            <When time={incident.opened_at} /> · {incident.closed_at ? "took" : "for"}{" "}
            {duration(secondsBetween(incident.opened_at, end))}
          </span>
        </span>
      </Link>
    </li>
  );
}
