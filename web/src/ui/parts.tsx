// The small parts that every view is made of.

import { type ReactNode, useEffect, useRef } from "react";
import { ApiFailure } from "../api/client";
import { words } from "../lib/format";
import { useNow } from "../lib/now";
import { actionTone, incidentTone, riskTone, type Tone } from "../lib/severity";
import { ago, moment } from "../lib/time";

/** Severity by colour, by shape and by word: each enough alone. */
export function SeverityMark({ severity, label = true }: { severity: string; label?: boolean }) {
  const shape: Record<string, ReactNode> = {
    low: <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="1.8" />,
    medium: <rect x="2.2" y="2.2" width="7.6" height="7.6" rx="1.5" fill="currentColor" />,
    high: <path d="M6 1.5 11 10.5H1Z" fill="currentColor" />,
    critical: <path d="M6 .4 11.6 6 6 11.6.4 6Z" fill="currentColor" />,
  };
  return (
    <span className="severity" data-tone={severity}>
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        {shape[severity] ?? shape.low}
      </svg>
      {label ? <span>{severity}</span> : <span className="sr-only">{severity}</span>}
    </span>
  );
}

export function Chip({
  tone = "quiet",
  children,
  dot = false,
}: {
  tone?: Tone;
  children: ReactNode;
  dot?: boolean;
}) {
  return (
    <span className="chip" data-tone={tone}>
      {dot ? <i aria-hidden="true" /> : null}
      {children}
    </span>
  );
}

export const IncidentState = ({ state }: { state: string }) => (
  <Chip tone={incidentTone(state)} dot>
    {words(state)}
  </Chip>
);
export const ActionState = ({ state }: { state: string }) => (
  <Chip tone={actionTone(state)} dot>
    {words(state)}
  </Chip>
);
export const Risk = ({ risk }: { risk: string }) => <Chip tone={riskTone(risk)}>{risk} risk</Chip>;

export function Panel({
  title,
  aside,
  children,
  className = "",
  flush = false,
}: {
  title?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  className?: string;
  flush?: boolean;
}) {
  return (
    <section className={`panel ${flush ? "flush" : ""} ${className}`}>
      {title ? (
        <header className="panel-head">
          <h2>{title}</h2>
          {aside ? <div className="panel-aside">{aside}</div> : null}
        </header>
      ) : null}
      {children}
    </section>
  );
}

/** A figure with its name. The place for it is there before the figure is. */
export function Figure({
  name,
  value,
  note,
  tone,
  title,
}: {
  name: string;
  value: ReactNode;
  note?: ReactNode;
  tone?: Tone;
  title?: string;
}) {
  return (
    <div className="figure" title={title}>
      <dt>{name}</dt>
      <dd data-tone={tone}>{value}</dd>
      <dd className="figure-note">{note ?? "\u00a0"}</dd>
    </div>
  );
}

/** Nothing to show, and which source would fill it. */
export function Empty({
  title,
  children,
  good = false,
}: {
  title: string;
  children?: ReactNode;
  good?: boolean;
}) {
  return (
    <div className="empty" data-good={good || undefined}>
      <svg viewBox="0 0 24 24" width="28" height="28" aria-hidden="true">
        {good ? <path d="m5 12.5 4.5 4.5L19 7.5" /> : <path d="M4 13h4l2-4 3 7 2-3h5" />}
      </svg>
      <p className="empty-title">{title}</p>
      {children ? <p>{children}</p> : null}
    </div>
  );
}

export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div className="skeleton" role="status" aria-label="loading">
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines of a placeholder have nothing else
        <i key={line} />
      ))}
    </div>
  );
}

export function Failure({ error, retry }: { error: Error; retry?: () => unknown }) {
  const hint = error instanceof ApiFailure ? error.hint : null;
  return (
    <div className="failure" role="alert">
      <p>
        <strong>{error.message}</strong>
      </p>
      {hint ? <p>{hint}</p> : null}
      {retry ? (
        <button type="button" className="button" onClick={() => retry()}>
          Ask again
        </button>
      ) : null}
    </div>
  );
}

/** The three ways that a question can stand, the same everywhere. What is shown while a newer answer is out stays. */
export function Answered<T>({
  of,
  lines,
  children,
}: {
  of: { data: T | undefined; error: Error | null; refetch: () => unknown };
  lines?: number;
  children: (data: T) => ReactNode;
}) {
  if (of.data !== undefined) {
    return (
      <>
        {of.error ? <p className="stale-note">Not up to date: {of.error.message}</p> : null}
        {children(of.data)}
      </>
    );
  }
  if (of.error) return <Failure error={of.error} retry={of.refetch} />;
  return <Skeleton lines={lines} />;
}

/** A time, as "4 min ago" with the exact one on hover, or the other way round. */
export function When({ time, exact = false }: { time: string; exact?: boolean }) {
  const now = useNow();
  const relative = ago(time, now);
  const absolute = moment(time, now);
  return (
    <time dateTime={time} title={exact ? relative : new Date(time).toLocaleString()}>
      {exact ? absolute : relative}
    </time>
  );
}

/** A share of a whole, with its figure in words for whoever cannot see it. */
export function Meter({ value, tone, label }: { value: number; tone?: Tone; label: string }) {
  const share = Math.max(0, Math.min(1, value));
  return (
    <span
      className="meter"
      data-tone={tone}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
    >
      <i style={{ width: `${share * 100}%` }} />
    </span>
  );
}

export function Segments<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}) {
  const chosen = useRef<HTMLButtonElement>(null);
  // On a narrow screen the chosen one may be beyond the edge.
  // biome-ignore lint/correctness/useExhaustiveDependencies: another choice is another button
  useEffect(() => {
    const box = chosen.current?.parentElement;
    if (!chosen.current || !box || box.scrollWidth <= box.clientWidth) return;
    const [inner, outer] = [chosen.current.getBoundingClientRect(), box.getBoundingClientRect()];
    box.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
  }, [value]);
  return (
    <fieldset className="segments">
      <legend className="sr-only">{label}</legend>
      {options.map(([option, name]) => (
        <button
          key={option}
          ref={option === value ? chosen : undefined}
          type="button"
          aria-pressed={option === value}
          onClick={() => onChange(option)}
        >
          {name}
        </button>
      ))}
    </fieldset>
  );
}

export function Find({
  value,
  onChange,
  placeholder,
}: {
  value: string;
  onChange: (value: string) => void;
  placeholder: string;
}) {
  return (
    <label className="find">
      <svg viewBox="0 0 24 24" width="16" height="16" aria-hidden="true">
        <circle cx="11" cy="11" r="6" />
        <path d="m20 20-4.5-4.5" />
      </svg>
      <span className="sr-only">{placeholder}</span>
      <input
        type="search"
        data-find
        value={value}
        placeholder={placeholder}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") event.currentTarget.blur();
        }}
        spellCheck={false}
        autoComplete="off"
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}

export function Code({ children }: { children: string }) {
  return <code className="code">{children}</code>;
}

/** What may be wider than its place: scrolled by itself, so that the page never is, and reachable by key. */
export function Scroll({
  label,
  map = false,
  children,
}: {
  label: string;
  map?: boolean;
  children: ReactNode;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by key
    <div className={map ? "scroll map" : "scroll"} role="region" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}
