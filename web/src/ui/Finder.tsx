// Finds views, incidents, alerts and what is known, by words.

import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useMemo, useState } from "react";
import { useAlerts, useIncidents, useRunbook } from "../api/queries";
import { useAt } from "../lib/at";
import { matches } from "../lib/search";
import { Dialog } from "./dialog";
import { VIEWS } from "./Shell";

interface Hit {
  id: string;
  what: string;
  title: string;
  note: string;
  go: () => void;
}

const HITS_PER_GROUP = 6;

export function Finder({ onClose }: { onClose: () => void }) {
  const [find, setFind] = useState("");
  const [chosen, choose] = useState(0);
  const navigate = useNavigate();
  const at = useAt();
  const incidents = useIncidents().data?.data.incidents;
  const alerts = useAlerts(undefined).data?.data.alerts;
  const known = useRunbook("").data?.data.knowledge;

  const hits = useMemo<Hit[]>(() => {
    const views = VIEWS.filter((v) => matches(find, v.name)).map((v) => ({
      id: v.to,
      what: "view",
      title: v.name,
      note: `g ${v.key}`,
      go: () => void navigate({ to: v.to, search: { at } }),
    }));
    const found = (incidents ?? [])
      .filter((i) => find && matches(find, i.id, i.title, i.state, i.diagnosis?.cause))
      .map((i) => ({
        id: i.id,
        what: "incident",
        title: i.title,
        note: i.state.replaceAll("_", " "),
        go: () => void navigate({ to: "/incidents/$id", params: { id: i.id }, search: { at } }),
      }));
    const raised = (alerts ?? [])
      .filter((a) => find && matches(find, a.id, a.kind, a.subject, a.summary))
      .map((a) => ({
        id: a.id,
        what: "alert",
        title: a.summary,
        note: a.kind,
        go: () => void navigate({ to: "/alerts", search: { at, open: a.id } }),
      }));
    const notes = (known ?? [])
      .filter((k) => find && matches(find, k.title, k.tags.join(" "), k.alert_kinds.join(" ")))
      .map((k) => ({
        id: k.id,
        what: "runbook",
        title: k.title,
        note: k.kind,
        go: () => void navigate({ to: "/runbook", search: { at, find: k.title } }),
      }));
    return [views, found, raised, notes].flatMap((group) =>
      group.slice(0, find ? HITS_PER_GROUP : VIEWS.length),
    );
  }, [find, incidents, alerts, known, navigate, at]);

  const open = (hit: Hit | undefined) => {
    if (!hit) return;
    onClose();
    hit.go();
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      choose(Math.max(0, Math.min(hits.length - 1, chosen + step)));
    } else if (event.key === "Enter") {
      event.preventDefault();
      open(hits[chosen]);
    }
  };

  return (
    <Dialog label="Find anything" onClose={onClose} className="finder">
      <input
        autoFocus
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls="finder-hits"
        aria-activedescendant={hits[chosen] ? `hit-${chosen}` : undefined}
        aria-label="Find views, incidents, alerts, runbook"
        placeholder="Find views, incidents, alerts, runbook"
        value={find}
        onChange={(event) => {
          setFind(event.target.value);
          choose(0);
        }}
        onKeyDown={onKey}
        autoComplete="off"
        spellCheck={false}
      />
      <div id="finder-hits" role="listbox" aria-label="Found">
        {hits.map((hit, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys
          <div
            key={`${hit.what}-${hit.id}`}
            id={`hit-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            className="hit"
            onClick={() => open(hit)}
            onPointerMove={() => choose(index)}
          >
            <span className="hit-what">{hit.what}</span>
            <span className="hit-title">{hit.title}</span>
            <span className="hit-note">{hit.note}</span>
          </div>
        ))}
        {hits.length === 0 ? (
          <p className="muted hit-none">Nothing here has all of these words.</p>
        ) : null}
      </div>
    </Dialog>
  );
}
