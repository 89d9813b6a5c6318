import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import type { AuditEntry } from "../api/model";
import { useAudit } from "../api/queries";
import { number } from "../lib/format";
import { matches } from "../lib/search";
import { Answered, Chip, Empty, Find, Panel, When } from "../ui/parts";

const route = getRouteApi("/audit");
const ENTRIES_PER_PAGE = 200;

export function Audit() {
  const { kind, find } = route.useSearch();
  const navigate = route.useNavigate();
  const [limit, setLimit] = useState(ENTRIES_PER_PAGE);
  const audit = useAudit(limit);
  const entries = audit.data?.data.entries ?? [];
  const kinds = [...new Set(entries.map((e) => e.kind))].sort();
  const set = (to: Partial<{ kind: string; find: string }>) =>
    void navigate({ search: (old) => ({ ...old, ...to }), replace: true });
  return (
    <div className="view">
      <header className="view-head">
        <h1>Audit</h1>
        <label className="select">
          <span className="sr-only">Kind</span>
          <select value={kind} onChange={(event) => set({ kind: event.target.value })}>
            <option value="">all kinds</option>
            {kinds.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <Find value={find} onChange={(to) => set({ find: to })} placeholder="Find an entry" />
      </header>
      <Panel flush>
        <Answered of={audit} lines={10}>
          {({ data }) => {
            const shown = data.entries
              .filter(
                (e) =>
                  (!kind || e.kind === kind) &&
                  matches(find, e.actor, e.kind, e.subject, e.details),
              )
              .toSorted((a, b) => b.seq - a.seq);
            return shown.length === 0 ? (
              <Empty
                title={data.entries.length === 0 ? "Nothing was decided yet" : "No entry fits"}
              >
                Every verdict, intent, outcome and answer of a person is added to this chain.
              </Empty>
            ) : (
              <ul className="plain audit">
                {shown.map((entry) => (
                  <Entry key={entry.seq} entry={entry} />
                ))}
              </ul>
            );
          }}
        </Answered>
        {entries.length >= limit ? (
          <p className="table-note">
            <button
              type="button"
              className="button small"
              onClick={() => setLimit(limit + ENTRIES_PER_PAGE)}
            >
              Older entries
            </button>
          </p>
        ) : null}
      </Panel>
      <p className="muted">
        Each entry holds the hash of the one before: a changed, moved or missing one breaks the
        chain. <code>hale audit verify</code> checks all of it.
      </p>
    </div>
  );
}

function Entry({ entry }: { entry: AuditEntry }) {
  return (
    <li>
      <details>
        <summary data-line>
          <span className="num muted">{number(entry.seq)}</span>
          <When time={entry.ts} exact />
          <Chip tone={entry.actor === "hale" ? "quiet" : "accent"}>{entry.actor}</Chip>
          <strong>{entry.kind}</strong>
          <span className="clip mono">{entry.subject}</span>
        </summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by key */}
        <pre tabIndex={0}>{pretty(entry.details)}</pre>
        <p className="muted mono hash">
          {entry.hash}
          <br />
          after {entry.prev_hash}
        </p>
      </details>
    </li>
  );
}

function pretty(details: string): string {
  try {
    return JSON.stringify(JSON.parse(details), null, 2);
  } catch {
    return details;
  }
}
