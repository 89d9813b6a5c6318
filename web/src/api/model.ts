// The shapes of the API under the names that the pages use.

export type Severity = "low" | "medium" | "high" | "critical";

export interface HealthFactor {
  id: string;
  score: number;
  severity: Severity;
  why: string;
}
export interface MachineHealth {
  id: string;
  score: number;
  severity: Severity;
  top_issue: string | null;
  factors: HealthFactor[];
}
export interface HealthView {
  overall: { score: number; severity: Severity };
  machines: MachineHealth[];
}
export interface Evidence {
  id: string;
  source: string;
  observed_at: string;
  text: string;
  value: number | null;
  unit: string | null;
}
export interface AlertView {
  id: string;
  fingerprint: string;
  machine_id: string;
  kind: string;
  severity: Severity;
  state: string;
  subject: string;
  summary: string;
  first_seen_at: string;
  last_seen_at: string;
  closed_at: string | null;
  close_reason: string | null;
  evidence: Evidence[];
  suggested_actions: string[];
  incident_id: string | null;
}
export interface ActionView {
  id: string;
  kind: string;
  target: string;
  risk: string;
  verdict: string;
  reasons: string[];
  state: string;
  exit: number | null;
  undo: string | null;
  why: string;
  command: string;
  detail: string | null;
  observations: string[];
  created_at: string;
  finished_at: string | null;
}
export interface TimelineEntry {
  ts: string;
  agent: string;
  kind: string;
  text: string;
}
export interface Diagnosis {
  cause_kind: string;
  cause: string;
  confidence: number;
  source: string;
  evidence: string[];
  prevention: string | null;
}
export interface IncidentView {
  id: string;
  external_ids: string[];
  title: string;
  state: string;
  severity: Severity;
  machine_id: string;
  opened_at: string;
  closed_at: string | null;
  alerts: string[];
  diagnosis: Diagnosis | null;
  actions: ActionView[];
  timeline: TimelineEntry[];
}
export interface ApprovalView {
  id: string;
  state: string;
  created_at: string;
  expires_at: string;
  action: ActionView;
  incident_id: string | null;
  verdict: {
    decision: string;
    risk: string;
    reversible: boolean;
    blast_radius: number;
    reasons: { rule: string; text: string }[];
  };
  decided_by: string | null;
  why: string | null;
}
export interface System {
  cpu_total: number | null;
  cpu_cores: number[];
  cpu_iowait: number | null;
  load1: number | null;
  load5: number | null;
  load15: number | null;
  mem_total_bytes: number | null;
  mem_used_bytes: number | null;
  mem_used_percent: number | null;
  swap_total_bytes: number | null;
  swap_used_percent: number | null;
  disk_read_mbps: number | null;
  disk_write_mbps: number | null;
  net_rx_mbps: number | null;
  net_tx_mbps: number | null;
  process_count: number | null;
  zombie_count: number | null;
}
export interface Mount {
  mount_point: string;
  device: string;
  fs_type: string;
  total_bytes: number;
  used_bytes: number;
  available_bytes: number;
  free_percent: number;
  inode_free_percent: number | null;
  read_only: boolean;
}
export interface Interface {
  interface: string;
  rx_mbps: number | null;
  tx_mbps: number | null;
  errors_per_sec: number | null;
}
export interface ProcessView {
  pid: number;
  start_ticks: number;
  name: string;
  command: string;
  user: string;
  state: string;
  cpu_percent: number | null;
  rss_bytes: number;
  open_fds: number | null;
  threads?: number;
  age_secs?: number;
  unit: string | null;
  container: string | null;
}
export interface SourceStatus {
  source: string;
  state: string;
  last_fresh_at: string | null;
  took_us: number;
  note: string | null;
  lost: number;
}
export interface Prediction {
  kind: string;
  eta_secs: number;
  confidence: number;
  text: string;
}
export interface StatusView {
  machine_id: string;
  collected_at: string;
  os: string;
  kernel: string;
  cores: number;
  uptime_secs: number;
  mode: string;
  paused_until: string | null;
  health: MachineHealth;
  system: System;
  mounts: Mount[];
  interfaces: Interface[];
  gpus: {
    name?: string;
    busy_percent?: number | null;
    memory_used_bytes?: number | null;
    memory_total_bytes?: number | null;
    celsius?: number | null;
  }[];
  temperatures: { label: string; celsius: number }[];
  alerts: AlertView[];
  predictions: Prediction[];
  sources: SourceStatus[];
  warnings: string[];
}
export interface MachineSummary {
  id: string;
  score: number;
  severity: Severity;
  os: string;
  kernel: string;
  cores: number;
}
export interface UnitStat {
  unit: string;
  service_type: string;
  active_state: string;
  sub_state: string;
  result: string;
  exit_status: number;
  restarts: number;
  main_pid: number;
}
export interface JournalLine {
  at: string;
  priority: number;
  unit: string | null;
  identifier: string | null;
  pid: number | null;
  message: string;
}
export interface Series {
  metric: string;
  values: (number | null)[];
}
export interface SeriesView {
  since: string;
  until: string;
  step_secs: number;
  times: number[];
  series: Series[];
}
export interface Moment {
  at: string;
  measured_at: string | null;
  machine_id: string;
  health: { score: number; severity: Severity; factors: HealthFactor[] } | null;
  system: System;
  processes: ProcessView[];
  mounts: Mount[];
  interfaces: Interface[];
}
export interface DoctorCheck {
  name: string;
  state: string;
  found: string;
  fix: string | null;
}
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export interface SettingsView {
  version: string;
  machine_id: string | null;
  mode: string;
  paused_until: string | null;
  config_path: string;
  config_exists: boolean;
  data_dir: string;
  config: { [section: string]: Json };
  defaults: { [section: string]: Json };
  sources: SourceStatus[];
  models: DoctorCheck[];
  warnings: string[];
}
export interface Achieved {
  since: string;
  until: string;
  incidents: number;
  resolved: number;
  cured_alone: number;
  cured_with_person: number;
  over_by_itself: number;
  escalated: number;
  mttr_mean_secs: number | null;
  mttr_median_secs: number | null;
  actions: number;
  actions_succeeded: number;
  success_rate: number | null;
  saved_minutes: number;
  saved_money: number | null;
  currency: string;
  formula: string;
}
export interface AuditEntry {
  seq: number;
  ts: string;
  actor: string;
  kind: string;
  subject: string;
  details: string;
  prev_hash: string;
  hash: string;
}
export interface LessonView {
  id: string;
  title: string;
  alert_kind: string;
  subject_class: string | null;
  cause_kind: string | null;
  action_kind: string;
  target_class: string;
  summary: string | null;
  trust: string;
  reliability: number;
  successes: number;
  approved_successes: number;
  failures: number;
  last_at: string;
  incident_id: string | null;
  withdrawn: string | null;
}
export interface KnowledgeView {
  id: string;
  title: string;
  kind: string;
  alert_kinds: string[];
  tags: string[];
  updated: string;
  origin: string;
  body: string | null;
}
export interface RunbookHit {
  rank: number;
  id: string;
  what: string;
  title: string;
  by: string;
  score: number;
  excerpt: string;
}
export interface RunbookView {
  lessons: LessonView[];
  knowledge: KnowledgeView[];
  hits: RunbookHit[];
}
export interface Container {
  id: string;
  name: string;
  image: string;
  state: string;
  health: string | null;
  health_output: string | null;
  restart_count: number;
  started_at: string | null;
  exit_code: number | null;
  oom_killed: boolean;
  cpu_percent: number | null;
  memory_usage_bytes?: number | null;
  memory_limit_bytes?: number | null;
  memory_percent: number | null;
}
export interface ContainersView {
  collected_at: string;
  source: SourceStatus | null;
  containers: Container[];
}
export interface SloState {
  service: string;
  objective: string;
  target: number;
  window_days: number;
  latency_ms: number | null;
  good_percent: number | null;
  budget_left_percent: number | null;
  burn_5m: number | null;
  burn_1h: number | null;
  seen_secs: number;
}
export interface OperationTraffic {
  operation: string;
  requests: number;
  errors: number;
  rate_per_sec: number | null;
  error_percent: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}
export interface ServiceView extends Omit<OperationTraffic, "operation"> {
  service: string;
  kind: string;
  health: string;
  suspect: boolean;
  slos: SloState[];
  operations: OperationTraffic[];
  exemplars: {
    kind: string;
    trace_id: string;
    operation: string;
    duration_ms: number;
    ended_at: string;
    message: string;
  }[];
  error_logs: { template: string; count: number }[];
}
export interface EdgeTraffic {
  from: string;
  to: string;
  to_kind: string;
  requests: number;
  errors: number;
  rate_per_sec: number | null;
  error_percent: number | null;
  p95_ms: number | null;
}
export interface ServicesView {
  window_secs: number;
  services: ServiceView[];
  edges: EdgeTraffic[];
  note: string | null;
}
export interface SessionView {
  signed_in: boolean;
  actor: string | null;
  role: string | null;
  may_change: boolean;
  expires_in_secs: number | null;
}
