// What surrounds every view: where one can go, how the machine is, which moment is looked at, and
// whether what is shown is live.

import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { ApiFailure, change } from "../api/client";
import { useApprovals, useHealth, useIncidents, useMachines, useSession } from "../api/queries";
import { useStreamStatus } from "../api/stream";
import { useAt, useGoTo } from "../lib/at";
import { moveInList, useKeys } from "../lib/keys";
import { useNow } from "../lib/now";
import { healthWord, isOver } from "../lib/severity";
import { toggleTheme, useTheme } from "../lib/theme";
import { shortDuration } from "../lib/time";
import { Finder } from "./Finder";
import { Keys } from "./Keys";
import { TimeCursor } from "./TimeCursor";

export const VIEWS = [
  { to: "/", name: "Overview", key: "o", icon: "M4 12 12 4l8 8M6 10v9h12v-9" },
  { to: "/incidents", name: "Incidents", key: "i", icon: "M3 13h4l2.5-7 4.5 13 2.5-6H21" },
  {
    to: "/alerts",
    name: "Alerts",
    key: "a",
    icon: "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 20.5h4",
  },
  { to: "/machine", name: "Machine", key: "m", icon: "M5 5h14v10H5zM9 19h6M12 15v4" },
  {
    to: "/services",
    name: "Services",
    key: "s",
    icon: "M6 3.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM18 3.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM12 15.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM8.5 6h7M7.2 8.3l3.6 7.4M16.8 8.3l-3.6 7.4",
  },
  {
    to: "/runbook",
    name: "Runbook",
    key: "r",
    icon: "M5 5.5A2.5 2.5 0 0 1 7.5 3H19v15H7.5A2.5 2.5 0 0 0 5 20.5zM5 18.5A2.5 2.5 0 0 0 7.5 21H19",
  },
  {
    to: "/audit",
    name: "Audit",
    key: "u",
    icon: "M9 12l2 2 4-4.5M12 3l7.5 3v5.5c0 4.5-3.2 8-7.5 9.5-4.3-1.5-7.5-5-7.5-9.5V6z",
  },
  {
    to: "/settings",
    name: "Settings",
    key: "t",
    icon: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4",
  },
] as const;

/** On a phone these have a place of their own; the rest is behind "More". */
const FIRST_ON_PHONES = 4;

export function Shell() {
  const at = useAt();
  const goTo = useGoTo();
  const navigate = useNavigate();
  const [keysShown, showKeys] = useState(false);
  const [finderShown, showFinder] = useState(false);
  const [moreShown, showMore] = useState(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const main = useRef<HTMLElement>(null);
  const locked = useLockedOut();

  const step = (seconds: number) => {
    const from = at ? Date.parse(at) : Date.now();
    const to = from + seconds * 1000;
    goTo(to >= Date.now() - 1000 ? undefined : new Date(to).toISOString());
  };
  const go = (to: (typeof VIEWS)[number]["to"]) => () => {
    void navigate({ to, search: { at } });
  };
  useKeys({
    ...Object.fromEntries(VIEWS.map((view) => [`g ${view.key}`, go(view.to)])),
    j: () => moveInList(1),
    k: () => moveInList(-1),
    "/": () => {
      const field = document.querySelector<HTMLInputElement>("[data-find]");
      if (field) field.select();
      else showFinder(true);
    },
    "Ctrl K": () => showFinder(true),
    "?": () => showKeys(true),
    t: toggleTheme,
    "[": () => step(-60),
    "]": () => step(60),
    "{": () => step(-3600),
    "}": () => step(3600),
    n: () => goTo(undefined),
  });

  const view = VIEWS.find((v) => (v.to === "/" ? path === "/" : path.startsWith(v.to)));
  useEffect(() => {
    document.title = view ? `${view.name} · hale` : "hale";
    showMore(false);
  }, [view]);

  return (
    <div className="shell" data-past={at ? true : undefined}>
      <a className="skip" href="#main">
        Skip to the view
      </a>
      <Side />
      <div className="body">
        <header className="top">
          <MachineBadge />
          <div className="top-tools">
            <button type="button" className="ghost find-button" onClick={() => showFinder(true)}>
              <Icon d="M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM20 20l-4.5-4.5" />
              <span>Find</span>
              <kbd aria-hidden="true">Ctrl K</kbd>
            </button>
            <TimeCursor />
            <ThemeButton />
            <button
              type="button"
              className="ghost icon-only keys-button"
              onClick={() => showKeys(true)}
              aria-label="Keys"
              title="Keys (?)"
            >
              <span aria-hidden="true">?</span>
            </button>
          </div>
        </header>
        <Notices />
        <main id="main" ref={main} tabIndex={-1}>
          {/* The notice says it once; every view would say it again in each of its parts. */}
          {locked ? null : <Outlet />}
        </main>
      </div>
      <nav className="tabs" aria-label="Views">
        {VIEWS.slice(0, FIRST_ON_PHONES).map((v) => (
          <Tab key={v.to} view={v} />
        ))}
        <button
          type="button"
          className="tab"
          aria-expanded={moreShown}
          onClick={() => showMore(!moreShown)}
        >
          <Icon d="M5 12h0M12 12h0M19 12h0" heavy />
          More
        </button>
        {moreShown ? (
          <div className="more">
            {VIEWS.slice(FIRST_ON_PHONES).map((v) => (
              <Tab key={v.to} view={v} />
            ))}
          </div>
        ) : null}
      </nav>
      {keysShown ? <Keys onClose={() => showKeys(false)} /> : null}
      {finderShown ? <Finder onClose={() => showFinder(false)} /> : null}
    </div>
  );
}

export function Icon({ d, heavy = false }: { d: string; heavy?: boolean }) {
  return (
    <svg
      className="icon"
      data-heavy={heavy || undefined}
      viewBox="0 0 24 24"
      width="20"
      height="20"
      aria-hidden="true"
    >
      <path d={d} />
    </svg>
  );
}

function Side() {
  const waiting = useWaiting();
  return (
    <nav className="side" aria-label="Views">
      <Link to="/" search={keepMoment} className="brand" aria-label="hale: Overview">
        <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
          <path d="M4 17h5l3.5-9 5.5 17 3.5-8H28" />
        </svg>
        <span>hale</span>
      </Link>
      <ul>
        {VIEWS.map((v) => (
          <li key={v.to}>
            <Link
              to={v.to}
              search={keepMoment}
              className="nav"
              activeOptions={{ exact: v.to === "/", includeSearch: false }}
            >
              <Icon d={v.icon} />
              <span>{v.name}</span>
              {v.to === "/" && waiting > 0 ? <Badge count={waiting} /> : null}
              <kbd aria-hidden="true">g {v.key}</kbd>
            </Link>
          </li>
        ))}
      </ul>
      <div className="side-foot">
        <WhoAmI />
        <Connection />
      </div>
    </nav>
  );
}

const keepMoment = (old: { at?: string }) => (old.at ? { at: old.at } : {});

function Tab({ view }: { view: (typeof VIEWS)[number] }) {
  const waiting = useWaiting();
  return (
    <Link
      to={view.to}
      search={keepMoment}
      className="tab"
      activeOptions={{ exact: view.to === "/", includeSearch: false }}
    >
      <Icon d={view.icon} />
      {view.name}
      {view.to === "/" && waiting > 0 ? <Badge count={waiting} /> : null}
    </Link>
  );
}

function Badge({ count }: { count: number }) {
  return (
    <span className="badge">
      {count}
      <span className="sr-only"> waiting for a person</span>
    </span>
  );
}

/** What needs a person now: questions, and incidents that hale gave back. */
function useWaiting(): number {
  const approvals = useApprovals().data?.data.approvals.length ?? 0;
  const escalated =
    useIncidents().data?.data.incidents.filter((i) => i.state === "escalated").length ?? 0;
  return approvals + escalated;
}

function MachineBadge() {
  const machine = useMachines().data?.data.machines[0];
  const health = useHealth().data?.data.machines[0];
  const open = useIncidents().data?.data.incidents.filter((i) => !isOver(i.state)).length ?? 0;
  const at = useAt();
  const word = health ? healthWord(health.score) : null;
  return (
    <div className="machine-badge">
      <span
        className="beacon"
        data-tone={at ? "quiet" : (word?.tone ?? "quiet")}
        aria-hidden="true"
      />
      <div>
        <strong>{machine?.id ?? "…"}</strong>
        <small>
          {at ? "a past moment" : word ? word.word : "asking"}
          {!at && open > 0 ? ` · ${open} open` : ""}
        </small>
      </div>
    </div>
  );
}

/** Whether this listener shows nothing to a browser that is not signed in. */
function useLockedOut(): boolean {
  const { error } = useHealth();
  return error instanceof ApiFailure && error.needsSignIn;
}

function Connection() {
  const status = useStreamStatus();
  const now = useNow();
  const words = { live: "live", connecting: "connecting", lost: "connection lost" }[status.state];
  if (useLockedOut()) {
    return (
      <p className="connection" data-state="lost" role="status">
        <i aria-hidden="true" />
        not signed in
      </p>
    );
  }
  return (
    <p className="connection" data-state={status.state} role="status">
      <i aria-hidden="true" />
      {words}
      {status.state === "lost" ? ` ${shortDuration((now - status.since) / 1000)}` : ""}
    </p>
  );
}

/** Whether this browser may change anything. */
function WhoAmI() {
  const session = useSession();
  const locked = useLockedOut();
  const data = session.data?.data;
  if (!data) return <p className="who">\u00a0</p>;
  if (!data.signed_in) {
    return (
      <p className="who">
        {locked ? "nothing to read" : "reading only"} · <a href="/signin">sign in</a>
      </p>
    );
  }
  const signOut = () => void change("/session/end").then(() => session.refetch());
  return (
    <p className="who">
      {data.may_change ? "signed in" : "reading only"} ·{" "}
      <button type="button" className="link" onClick={signOut}>
        sign out
      </button>
    </p>
  );
}

/** What the reader must know about everything below. */
function Notices() {
  const status = useStreamStatus();
  const now = useNow();
  const at = useAt();
  const answer = useHealth().data;
  const locked = useLockedOut();
  const lostSecs = (now - status.since) / 1000;
  return (
    <div className="notices">
      {locked ? (
        <p className="notice" data-tone="high" role="alert">
          From other machines nothing is shown to a browser that is not signed in:{" "}
          <a href="/signin">sign in</a> with a token of <code>hale token create</code>.
        </p>
      ) : status.state === "lost" && lostSecs > 3 && !at ? (
        <p className="notice" data-tone="high" role="alert">
          The connection to the agent is lost since {shortDuration(lostSecs)}. What you see is from
          then; it goes on by itself.
        </p>
      ) : null}
      {(answer?.warnings ?? []).map((warning) => (
        <p key={warning} className="notice" data-tone="medium">
          {warning}
        </p>
      ))}
    </div>
  );
}

function ThemeButton() {
  const theme = useTheme();
  return (
    <button
      type="button"
      className="ghost icon-only"
      onClick={toggleTheme}
      aria-label={theme === "dark" ? "Light theme" : "Dark theme"}
      title="Light or dark (t)"
    >
      <Icon
        d={
          theme === "dark"
            ? "M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM12 2v1M12 21v1M2 12h1M21 12h1M5 5l.7.7M18.3 18.3l.7.7M5 19l.7-.7M18.3 5.7l.7-.7"
            : "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z"
        }
      />
    </button>
  );
}
