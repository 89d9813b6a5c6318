// What the pages ask, each question under one key. With a moment in the URL the same hooks ask for the
// past: the answer then never changes, and nothing live touches it.

import { keepPreviousData, type QueryClient, useQuery } from "@tanstack/react-query";
import { useAt } from "../lib/at";
import { ask, askText, type Envelope, type Params } from "./client";
import type * as M from "./model";
import type { EventName } from "./stream";

/** Questions are repeated this often even when the stream is silent: a lost event costs so long. */
const SLOW_POLL_MS = 30_000;
const LIVE_POLL_MS = 5_000;

function useAsked<T>(path: string, params: Params, every: number | false, enabled = true) {
  return useQuery({
    queryKey: [path, params],
    queryFn: ({ signal }) => ask<T>(path, params, signal),
    refetchInterval: every,
    placeholderData: keepPreviousData,
    enabled,
  });
}

/** Live, or as of the moment in the URL. */
function useEither<T>(live: string, past: string, params: Params, every: number) {
  const at = useAt();
  return useAsked<T>(at ? past : live, at ? { ...params, at } : params, at ? false : every);
}

export type Asked<T> = {
  data: Envelope<T> | undefined;
  error: Error | null;
  isPending: boolean;
  isPlaceholderData: boolean;
  refetch: () => unknown;
};

export const useMachines = () =>
  useAsked<{ machines: M.MachineSummary[] }>("/machines", {}, SLOW_POLL_MS);
export const useHealth = () => useAsked<M.HealthView>("/health", {}, LIVE_POLL_MS * 2);

/** The machine now; idle while a past moment is looked at. */
export function useStatus(every: number = LIVE_POLL_MS) {
  const at = useAt();
  const machine = useMachines().data?.data.machines[0]?.id;
  return useAsked<M.StatusView>(
    `/machines/${encodeURIComponent(machine ?? "")}/overview`,
    {},
    at ? false : every,
    machine !== undefined,
  );
}

export function useMoment() {
  const at = useAt();
  return useAsked<M.Moment>("/past/moment", { at }, false, at !== undefined);
}

export const useAlerts = (state: string | undefined) =>
  useEither<{ alerts: M.AlertView[] }>(
    "/alerts",
    "/past/alerts",
    { state, limit: 500 },
    SLOW_POLL_MS,
  );
export const useIncidents = (state?: string, limit = 100) =>
  useEither<{ incidents: M.IncidentView[] }>(
    "/incidents",
    "/past/incidents",
    { state, limit },
    SLOW_POLL_MS,
  );
export const useIncident = (id: string) =>
  useEither<M.IncidentView>(`/incidents/${id}`, `/past/incidents/${id}`, {}, SLOW_POLL_MS);
export const useApprovals = (all = false) =>
  useEither<{ approvals: M.ApprovalView[] }>(
    "/approvals",
    "/past/approvals",
    { all },
    SLOW_POLL_MS,
  );
export const useAudit = (limit: number) =>
  useEither<{ entries: M.AuditEntry[] }>("/audit", "/past/audit", { limit }, SLOW_POLL_MS);

export const useAlert = (id: string) => useAsked<M.AlertView>(`/alerts/${id}`, {}, false);
export const useAchieved = (since: string, until?: string) =>
  useAsked<M.Achieved>("/achieved", { since, until }, until ? false : SLOW_POLL_MS);
export const useProcesses = (search: string, sort: string, enabled: boolean) =>
  useAsked<{ total: number; matched: number; processes: M.ProcessView[] }>(
    "/processes",
    { search, sort, limit: 100 },
    LIVE_POLL_MS,
    enabled,
  );
export const useUnits = (enabled: boolean) =>
  useAsked<{ units: M.UnitStat[] }>("/units", {}, LIVE_POLL_MS * 2, enabled);
export const useContainers = (enabled: boolean) =>
  useAsked<M.ContainersView>("/containers", {}, LIVE_POLL_MS, enabled);
export const useJournal = (params: Params, every: number | false) =>
  useAsked<{ entries: M.JournalLine[]; truncated: boolean }>("/journal", params, every);
export const useSettings = () => useAsked<M.SettingsView>("/settings", {}, SLOW_POLL_MS);
export const useSession = () => useAsked<M.SessionView>("/session", {}, SLOW_POLL_MS);
export const useServices = () => useAsked<M.ServicesView>("/services", {}, LIVE_POLL_MS);
export const useRunbook = (search: string) =>
  useAsked<M.RunbookView>("/runbook", { search, limit: search ? 30 : undefined }, false);

export function useSeries(
  metrics: readonly string[],
  since: string,
  until: string | undefined,
  every: number | false,
) {
  return useAsked<M.SeriesView>(
    "/series",
    { metrics: metrics.join(","), since, until, points: 240 },
    every,
  );
}

export function useTable(sql: string, limit: number, every: number | false) {
  return useAsked<M.Table>("/query", { sql, limit }, every);
}

export const usePostmortem = (id: string, enabled: boolean) =>
  useQuery({
    queryKey: ["postmortem", id],
    queryFn: ({ signal }) => askText(`/incidents/${id}/postmortem`, signal),
    enabled,
  });

/** At most one refetch of a list in this time, however many events arrive. */
const SETTLE_MS = 250;

/** What an event means for what was asked before. */
export function applyEvent(client: QueryClient, name: EventName, data: unknown): void {
  const isPath = (key: readonly unknown[], test: (path: string) => boolean) =>
    typeof key[0] === "string" && test(key[0]);
  const again = (test: (path: string) => boolean) =>
    client.invalidateQueries({ predicate: (query) => isPath(query.queryKey, test) });
  switch (name) {
    case "thought": {
      const { incident_id, entry } = data as { incident_id: string | null; entry: M.TimelineEntry };
      if (!incident_id) return;
      client.setQueryData<Envelope<M.IncidentView>>([`/incidents/${incident_id}`, {}], (old) =>
        old ? { ...old, data: withThought(old.data, entry) } : old,
      );
      settle(client, "/incidents");
      return;
    }
    case "incident": {
      const incident = data as M.IncidentView;
      client.setQueryData<Envelope<M.IncidentView>>([`/incidents/${incident.id}`, {}], (old) =>
        old ? { ...old, data: newer(old.data, incident) } : old,
      );
      settle(client, "/incidents");
      settle(client, "/approvals");
      settle(client, "/achieved");
      return;
    }
    case "alert":
      settle(client, "/alerts");
      return;
    case "action":
      settle(client, "/incidents");
      settle(client, "/approvals");
      settle(client, "/audit");
      return;
    case "health":
      settle(client, "/health");
      return;
    case "prediction":
      return;
    case "gap":
      void again((path) => !path.startsWith("/past"));
      return;
  }
}

/** The timeline with one line more, unless it has it already (the stream and an answer may overlap). */
export function withThought(incident: M.IncidentView, entry: M.TimelineEntry): M.IncidentView {
  const has = incident.timeline.some(
    (e) => e.ts === entry.ts && e.kind === entry.kind && e.text === entry.text,
  );
  if (has) return incident;
  const timeline = [...incident.timeline, entry].sort((a, b) => a.ts.localeCompare(b.ts));
  return { ...incident, timeline };
}

/** An incident as the stream tells it may lack lines that were told one by one. */
export function newer(old: M.IncidentView, told: M.IncidentView): M.IncidentView {
  return old.timeline.reduce(withThought, told);
}

const waiting = new Map<string, ReturnType<typeof setTimeout>>();

function settle(client: QueryClient, prefix: string): void {
  if (waiting.has(prefix)) return;
  const timer = setTimeout(() => {
    waiting.delete(prefix);
    void client.invalidateQueries({
      predicate: (query) =>
        typeof query.queryKey[0] === "string" && query.queryKey[0].startsWith(prefix),
    });
  }, SETTLE_MS);
  waiting.set(prefix, timer);
}
