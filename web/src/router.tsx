// Addresses. What a view filters by is in its URL, so that a link shows what its sender saw.

import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  type SearchSchemaInput,
  stripSearchParams,
} from "@tanstack/react-router";
import { oneOf, text } from "./lib/search";
import { parseAt } from "./lib/time";
import { Failure, Panel, Skeleton } from "./ui/parts";
import { Shell } from "./ui/Shell";

/** What a URL may hold before it was looked at; links need not name any of it. */
type Given = Partial<Record<Filter, string>> & SearchSchemaInput;
type Filter =
  | "period"
  | "show"
  | "find"
  | "tab"
  | "state"
  | "severity"
  | "open"
  | "window"
  | "sort"
  | "priority"
  | "service"
  | "target"
  | "metric"
  | "kind";

const root = createRootRoute({
  component: Shell,
  // Said to be undefined where it is no moment: what is only left out stays as it stands in the URL.
  validateSearch: (search: { at?: string } & SearchSchemaInput): { at?: string | undefined } => ({
    at: parseAt(search.at, Date.now()),
  }),
  notFoundComponent: () => (
    <Panel title="There is no such view">
      <p className="muted">Press ? for the keys, or choose a view on the side.</p>
    </Panel>
  ),
});

export const PERIODS = ["1d", "7d", "30d"] as const;
export const ALERT_STATES = ["active", "closed"] as const;
export const SEVERITIES = ["all", "low", "medium", "high", "critical"] as const;
export const INCIDENT_FILTERS = ["all", "open", "resolved", "escalated"] as const;
export const MACHINE_TABS = [
  "charts",
  "processes",
  "services",
  "containers",
  "targets",
  "journal",
] as const;
export const WINDOWS = ["15m", "1h", "6h", "24h", "7d"] as const;
export const PROCESS_SORTS = ["cpu", "memory", "files", "pid"] as const;
export const PRIORITIES = ["all", "notice", "warning", "error"] as const;
export const INCIDENT_TABS = ["story", "evidence", "postmortem"] as const;

const overview = createRoute({
  getParentRoute: () => root,
  path: "/",
  validateSearch: (s: Given) => ({ period: oneOf(s.period, PERIODS, "7d") }),
  search: { middlewares: [stripSearchParams({ period: "7d" } as const)] },
  component: lazyRouteComponent(() => import("./pages/Overview"), "Overview"),
});
const incidents = createRoute({
  getParentRoute: () => root,
  path: "/incidents",
  validateSearch: (s: Given) => ({
    show: oneOf(s.show, INCIDENT_FILTERS, "all"),
    find: text(s.find),
  }),
  search: { middlewares: [stripSearchParams({ show: "all", find: "" } as const)] },
  component: lazyRouteComponent(() => import("./pages/Incidents"), "Incidents"),
});
const incident = createRoute({
  getParentRoute: () => root,
  path: "/incidents/$id",
  validateSearch: (s: Given) => ({ tab: oneOf(s.tab, INCIDENT_TABS, "story") }),
  search: { middlewares: [stripSearchParams({ tab: "story" } as const)] },
  component: lazyRouteComponent(() => import("./pages/Incident"), "Incident"),
});
const alerts = createRoute({
  getParentRoute: () => root,
  path: "/alerts",
  validateSearch: (s: Given) => ({
    state: oneOf(s.state, ALERT_STATES, "active"),
    severity: oneOf(s.severity, SEVERITIES, "all"),
    find: text(s.find),
    open: text(s.open),
  }),
  search: {
    middlewares: [
      stripSearchParams({ state: "active", severity: "all", find: "", open: "" } as const),
    ],
  },
  component: lazyRouteComponent(() => import("./pages/Alerts"), "Alerts"),
});
const machine = createRoute({
  getParentRoute: () => root,
  path: "/machine",
  validateSearch: (s: Given) => ({
    tab: oneOf(s.tab, MACHINE_TABS, "charts"),
    window: oneOf(s.window, WINDOWS, "15m"),
    sort: oneOf(s.sort, PROCESS_SORTS, "cpu"),
    priority: oneOf(s.priority, PRIORITIES, "all"),
    target: text(s.target),
    metric: text(s.metric),
    find: text(s.find),
  }),
  search: {
    middlewares: [
      stripSearchParams({
        tab: "charts",
        window: "15m",
        sort: "cpu",
        priority: "all",
        target: "",
        metric: "",
        find: "",
      } as const),
    ],
  },
  component: lazyRouteComponent(() => import("./pages/Machine"), "Machine"),
});
const services = createRoute({
  getParentRoute: () => root,
  path: "/services",
  validateSearch: (s: Given) => ({ service: text(s.service) }),
  search: { middlewares: [stripSearchParams({ service: "" } as const)] },
  component: lazyRouteComponent(() => import("./pages/Services"), "Services"),
});
const runbook = createRoute({
  getParentRoute: () => root,
  path: "/runbook",
  validateSearch: (s: Given) => ({ find: text(s.find) }),
  search: { middlewares: [stripSearchParams({ find: "" } as const)] },
  component: lazyRouteComponent(() => import("./pages/Runbook"), "Runbook"),
});
const audit = createRoute({
  getParentRoute: () => root,
  path: "/audit",
  validateSearch: (s: Given) => ({ kind: text(s.kind), find: text(s.find) }),
  search: { middlewares: [stripSearchParams({ kind: "", find: "" } as const)] },
  component: lazyRouteComponent(() => import("./pages/Audit"), "Audit"),
});
const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  component: lazyRouteComponent(() => import("./pages/Settings"), "Settings"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    overview,
    incidents,
    incident,
    alerts,
    machine,
    services,
    runbook,
    audit,
    settings,
  ]),
  defaultPreload: "intent",
  defaultPreloadStaleTime: 0,
  scrollRestoration: true,
  defaultPendingComponent: () => (
    <Panel>
      <Skeleton lines={6} />
    </Panel>
  ),
  defaultErrorComponent: ({ error, reset }) => (
    <Panel title="This view failed">
      <Failure error={error instanceof Error ? error : new Error(String(error))} retry={reset} />
    </Panel>
  ),
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
