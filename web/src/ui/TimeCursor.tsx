// Which moment is looked at. Every view follows it; nothing can be changed in the past.

import { useState } from "react";
import { useIncidents } from "../api/queries";
import { useAt, useGoTo } from "../lib/at";
import { useNow } from "../lib/now";
import { ago, moment, toLocalInput } from "../lib/time";
import { Icon } from "./Shell";

const DAY_MS = 86_400_000;
const STEPS = [
  ["1 min", 60],
  ["10 min", 600],
  ["1 h", 3600],
  ["6 h", 21_600],
  ["1 d", 86_400],
] as const;

export function TimeCursor() {
  const at = useAt();
  const now = useNow();
  const goTo = useGoTo();
  const [open, setOpen] = useState(false);
  const time = at ? Date.parse(at) : now;
  const go = (to: number) => goTo(to >= Date.now() - 1000 ? undefined : new Date(to).toISOString());

  return (
    <div className="cursor" data-past={at ? true : undefined}>
      <button
        type="button"
        className="ghost cursor-button"
        aria-expanded={open}
        aria-controls="cursor-sheet"
        onClick={() => setOpen(!open)}
        title="Look at another moment ([ and ] step, n is now)"
      >
        <Icon d="M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4l3 2" />
        <span className="cursor-words">
          {at ? (
            <>
              <span className="sr-only">Looking at </span>
              {moment(at, now)}
            </>
          ) : (
            "Now"
          )}
        </span>
      </button>
      {at ? (
        <button type="button" className="button small" onClick={() => goTo(undefined)}>
          Back to now
        </button>
      ) : null}
      {open ? (
        <div
          id="cursor-sheet"
          className="cursor-sheet"
          role="group"
          aria-label="The moment to look at"
          onKeyDown={(e) => e.key === "Escape" && setOpen(false)}
        >
          <p>
            {at
              ? `You look at ${ago(at, now)}. Nothing can be changed there.`
              : "Look at any moment that hale has stored."}
          </p>
          <Track time={time} now={now} onChange={go} />
          <div className="cursor-steps">
            <span className="muted">Back by</span>
            {STEPS.map(([name, seconds]) => (
              <button
                key={name}
                type="button"
                className="button small"
                onClick={() => go(time - seconds * 1000)}
              >
                {name}
              </button>
            ))}
          </div>
          <label className="field">
            <span>Exactly</span>
            <input
              type="datetime-local"
              step="1"
              value={toLocalInput(time)}
              max={toLocalInput(now)}
              onChange={(event) => {
                const to = Date.parse(event.target.value);
                if (Number.isFinite(to)) go(to);
              }}
            />
          </label>
        </div>
      ) : null}
    </div>
  );
}

/** The last day as a line to slide on, with the incidents on it. */
function Track({
  time,
  now,
  onChange,
}: {
  time: number;
  now: number;
  onChange: (time: number) => void;
}) {
  const incidents = useIncidents().data?.data.incidents ?? [];
  const start = now - DAY_MS;
  const place = (t: number) => `${Math.max(0, Math.min(1, (t - start) / DAY_MS)) * 100}%`;
  return (
    <div className="track">
      <div className="track-marks" aria-hidden="true">
        {incidents
          .filter((i) => Date.parse(i.closed_at ?? new Date(now).toISOString()) > start)
          .map((i) => {
            const from = Date.parse(i.opened_at);
            const to = i.closed_at ? Date.parse(i.closed_at) : now;
            const left = place(from);
            return (
              <i
                key={i.id}
                data-tone={i.severity}
                style={{ left, width: `max(3px, calc(${place(to)} - ${left}))` }}
              />
            );
          })}
      </div>
      <input
        type="range"
        aria-label="Moment within the last 24 hours"
        aria-valuetext={ago(new Date(time).toISOString(), now)}
        min={0}
        max={1440}
        value={Math.round(((time - start) / DAY_MS) * 1440)}
        onChange={(event) => onChange(start + (Number(event.target.value) / 1440) * DAY_MS)}
      />
      <div className="track-ends muted" aria-hidden="true">
        <span>24 h ago</span>
        <span>now</span>
      </div>
    </div>
  );
}
