// The shapes of the API under the names that the pages use, out of its document (npm run types).

import type { components } from "./schema.gen";

type Schemas = components["schemas"];

/** The agent writes every field, also where it has nothing to say (null): none is ever absent. */
type Whole<T> = T extends (infer Item)[]
  ? Whole<Item>[]
  : T extends object
    ? { [Key in keyof T]-?: Whole<T[Key]> }
    : T;
type Of<Name extends keyof Schemas> = Whole<Schemas[Name]>;

export type Achieved = Of<"Achieved">;
export type ActionView = Of<"ActionView">;
export type AlertView = Of<"AlertView">;
export type ApprovalView = Of<"ApprovalView">;
export type AuditEntry = Of<"AuditEntry">;
export type Container = Of<"Container">;
export type ContainersView = Of<"ContainersView">;
export type EdgeTraffic = Of<"EdgeTraffic">;
export type HealthFactor = Of<"HealthFactor">;
export type HealthView = Of<"HealthView">;
export type IncidentView = Of<"IncidentView">;
export type JournalLine = Of<"JournalLine">;
export type MachineSummary = Of<"MachineSummary">;
export type Moment = Of<"Moment">;
export type Mount = Of<"Mount">;
export type RunbookView = Of<"RunbookView">;
export type SeriesView = Of<"SeriesView">;
export type ServicesView = Of<"ServicesView">;
export type ServiceView = Of<"ServiceView">;
export type StatusView = Of<"StatusView">;
export type System = Of<"System">;
export type Table = Of<"Table">;
export type TimelineEntry = Of<"TimelineEntry">;
export type UnitStat = Of<"UnitStat">;

/** A process, now or as it was stored: of the past its age and threads are not known. */
export type ProcessView = Of<"PastProcess"> & { age_secs?: number };

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** The configuration is any JSON. */
export type SettingsView = Omit<Of<"SettingsView">, "config" | "defaults"> & {
  config: { [section: string]: Json };
  defaults: { [section: string]: Json };
};

export interface SessionView {
  signed_in: boolean;
  actor: string | null;
  role: string | null;
  may_change: boolean;
  expires_in_secs: number | null;
}
