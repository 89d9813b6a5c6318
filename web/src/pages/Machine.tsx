import { getRouteApi } from "@tanstack/react-router";
import type { Mount, ProcessView, System } from "../api/model";
import {
  useContainers,
  useIncidents,
  useJournal,
  useMoment,
  useProcesses,
  useSeries,
  useStatus,
  useUnits,
} from "../api/queries";
import { useAt } from "../lib/at";
import { bytes, number, percent, plural, rate } from "../lib/format";
import { useNow } from "../lib/now";
import { matches, periodSecs } from "../lib/search";
import { duration, moment, shortDuration } from "../lib/time";
import { MACHINE_TABS, PRIORITIES, PROCESS_SORTS } from "../router";
import { Chart, type Line } from "../ui/Chart";
import { Answered, Chip, Empty, Figure, Find, Meter, Panel, Scroll, Segments } from "../ui/parts";
import { Scraped } from "./Scraped";
import { WindowChoice } from "./WindowChoice";

const route = getRouteApi("/machine");

export function Machine() {
  const { tab } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <div className="view machine">
      <header className="view-head">
        <h1>Machine</h1>
        <Segments
          label="Part"
          value={tab}
          options={MACHINE_TABS.map((t) => [t, t] as const)}
          onChange={(to) =>
            void navigate({ search: (old) => ({ at: old.at, tab: to }), replace: true })
          }
        />
      </header>
      <Facts />
      {tab === "charts" ? <Charts /> : null}
      {tab === "processes" ? <Processes /> : null}
      {tab === "services" ? <Units /> : null}
      {tab === "containers" ? <Containers /> : null}
      {tab === "targets" ? <Scraped /> : null}
      {tab === "journal" ? <Journal /> : null}
    </div>
  );
}

function Facts() {
  const at = useAt();
  const status = useStatus();
  const past = useMoment();
  const system: System | undefined = at ? past.data?.data.system : status.data?.data.system;
  const host = status.data?.data;
  return (
    <Panel className="machine-facts">
      <dl className="figures">
        <Figure
          name="CPU"
          value={percent(system?.cpu_total)}
          note={host ? plural(host.cores, "core") : undefined}
        />
        <Figure
          name="Memory"
          value={percent(system?.mem_used_percent)}
          note={
            system
              ? `${bytes(system.mem_used_bytes)} of ${bytes(system.mem_total_bytes)}`
              : undefined
          }
        />
        <Figure
          name="Load"
          value={number(system?.load1, 2)}
          note={system ? `${number(system.load5, 2)} · ${number(system.load15, 2)}` : undefined}
        />
        <Figure
          name="Swap"
          value={system?.swap_total_bytes === 0 ? "none" : percent(system?.swap_used_percent)}
        />
        <Figure
          name="Processes"
          value={number(system?.process_count)}
          note={system?.zombie_count ? plural(system.zombie_count, "zombie") : undefined}
        />
        <Figure
          name={at ? "Measured" : "Up for"}
          value={
            at
              ? past.data?.data.measured_at
                ? moment(past.data.data.measured_at, Date.now())
                : "–"
              : host
                ? shortDuration(host.uptime_secs)
                : "–"
          }
          note={host ? host.os : undefined}
        />
      </dl>
      {past.error && at ? <p className="stale-note">{past.error.message}</p> : null}
    </Panel>
  );
}

const METRICS = [
  "cpu_total",
  "cpu_iowait",
  "mem_used_percent",
  "swap_used_percent",
  "load1",
  "disk_read_mbps",
  "disk_write_mbps",
  "net_rx_mbps",
  "net_tx_mbps",
  "cpu_some_avg10",
  "mem_some_avg10",
  "io_some_avg10",
  "process_count",
  "health_score",
];

function Charts() {
  const { window } = route.useSearch();
  const at = useAt();
  const now = useNow();
  const secs = periodSecs(window);
  const every = Math.max(5, Math.round(secs / 180));
  const end = at ? Date.parse(at) / 1000 : Math.floor(now / 1000 / every) * every;
  const since = end - secs;
  const series = useSeries(
    METRICS,
    new Date(since * 1000).toISOString(),
    at ?? new Date(end * 1000).toISOString(),
    false,
  );
  const incidents = useIncidents().data?.data.incidents ?? [];
  const status = useStatus();
  const past = useMoment();
  const mounts = (at ? past.data?.data.mounts : status.data?.data.mounts) ?? [];
  const shades = incidents
    .map((i) => ({
      from: Date.parse(i.opened_at) / 1000,
      to: i.closed_at ? Date.parse(i.closed_at) / 1000 : null,
      label: i.title,
    }))
    .filter((s) => (s.to ?? end) > since && s.from < end);
  return (
    <>
      <Panel title="Live figures" aside={<WindowChoice />}>
        <Answered of={series} lines={12}>
          {({ data }) => {
            const values = (metric: string) =>
              data.series.find((s) => s.metric === metric)?.values ?? [];
            const common = {
              times: data.times,
              step: data.step_secs,
              until: [since, end] as [number, number],
              shades,
              sync: "machine",
            };
            const line = (
              label: string,
              metric: string,
              color: Line["color"],
              fill = false,
            ): Line => ({ label, values: values(metric), color, fill });
            const percents = (v: number | null | undefined) =>
              percent(v, v != null && v > 0 && v < 10 ? 1 : 0);
            return data.times.length === 0 ? (
              <Empty title="No figures in this time">
                The last looks are kept in memory; older ones are stored once a minute ([history]
                snapshot_interval_secs) while the agent runs.
              </Empty>
            ) : (
              <div className="charts">
                <Chart
                  {...common}
                  title="CPU"
                  format={percents}
                  range={[0, 100]}
                  lines={[
                    line("busy", "cpu_total", 1, true),
                    line("waiting for disk", "cpu_iowait", 2),
                  ]}
                />
                <Chart
                  {...common}
                  title="Memory"
                  format={percents}
                  range={[0, 100]}
                  lines={[
                    line("used", "mem_used_percent", 1, true),
                    line("swap", "swap_used_percent", 2),
                  ]}
                />
                <Chart
                  {...common}
                  title="Load over 1 min"
                  format={(v) => number(v, v != null && v >= 10 ? 0 : 1)}
                  range={[0, null]}
                  lines={[line("load", "load1", 1, true)]}
                />
                <Chart
                  {...common}
                  title="Pressure"
                  format={percents}
                  range={[0, null]}
                  lines={[
                    line("CPU", "cpu_some_avg10", 1),
                    line("memory", "mem_some_avg10", 2),
                    line("I/O", "io_some_avg10", 3),
                  ]}
                />
                <Chart
                  {...common}
                  title="Disk"
                  format={rate}
                  range={[0, null]}
                  lines={[
                    line("read", "disk_read_mbps", 1, true),
                    line("written", "disk_write_mbps", 2),
                  ]}
                />
                <Chart
                  {...common}
                  title="Network"
                  format={rate}
                  range={[0, null]}
                  lines={[line("received", "net_rx_mbps", 1, true), line("sent", "net_tx_mbps", 2)]}
                />
                <Chart
                  {...common}
                  title="Processes"
                  format={(v) => number(v)}
                  range={[0, null]}
                  lines={[line("processes", "process_count", 1, true)]}
                />
                <Chart
                  {...common}
                  title="Health"
                  format={(v) => number(v == null ? null : v * 100)}
                  range={[0, 1]}
                  lines={[line("health", "health_score", 1, true)]}
                />
              </div>
            );
          }}
        </Answered>
        <p className="muted">Shaded: an incident was open. {data(series.data?.data.step_secs)}</p>
      </Panel>
      <Panel title="File systems">
        {mounts.length === 0 ? (
          <Empty title="No file system was seen">The disk source fills this.</Empty>
        ) : (
          <Mounts mounts={mounts} />
        )}
      </Panel>
    </>
  );
}

const data = (step: number | undefined) =>
  step && step > 1.5 ? `A point is the mean of ${duration(Math.round(step))}.` : "";

function Mounts({ mounts }: { mounts: Mount[] }) {
  return (
    <ul className="plain mounts">
      {mounts.map((mount) => {
        const used = 100 - mount.free_percent;
        const tone =
          mount.free_percent < 5
            ? "critical"
            : mount.free_percent < 10
              ? "high"
              : mount.free_percent < 20
                ? "medium"
                : "ok";
        return (
          <li key={mount.mount_point}>
            <span className="mount-name">
              <strong className="mono">{mount.mount_point}</strong>
              <span className="muted">
                {mount.fs_type}
                {mount.read_only ? ", read-only" : ""}
              </span>
            </span>
            <Meter
              value={used / 100}
              tone={tone}
              label={`${mount.mount_point}: ${percent(used)} used`}
            />
            <span className="num">{percent(used)}</span>
            <span className="num muted">{bytes(mount.available_bytes)} free</span>
          </li>
        );
      })}
    </ul>
  );
}

function Processes() {
  const { find, sort } = route.useSearch();
  const navigate = route.useNavigate();
  const at = useAt();
  const live = useProcesses(find, sort, !at);
  const past = useMoment();
  const set = (to: Partial<{ find: string; sort: typeof sort }>) =>
    void navigate({ search: (old) => ({ ...old, ...to }), replace: true });
  return (
    <Panel
      flush
      title="Processes"
      aside={
        <>
          <Segments
            label="First"
            value={sort}
            options={PROCESS_SORTS.map((s) => [s, s] as const)}
            onChange={(to) => set({ sort: to })}
          />
          <Find
            value={find}
            onChange={(to) => set({ find: to })}
            placeholder="Name, command, user, unit or pid"
          />
        </>
      }
    >
      {at ? (
        <Answered of={past} lines={10}>
          {({ data }) => {
            const shown = data.processes
              .filter((p) => matches(find, String(p.pid), p.name, p.command, p.user, p.unit))
              .sort((a, b) =>
                sort === "memory"
                  ? b.rss_bytes - a.rss_bytes
                  : sort === "pid"
                    ? a.pid - b.pid
                    : sort === "files"
                      ? (b.open_fds ?? 0) - (a.open_fds ?? 0)
                      : (b.cpu_percent ?? 0) - (a.cpu_percent ?? 0),
              );
            return shown.length === 0 ? (
              <Empty title="No process is known of that moment">
                Of each stored look the leading processes are kept, by CPU, memory and open files.
              </Empty>
            ) : (
              <ProcessTable
                processes={shown}
                note={`The leading ${shown.length} as stored then.`}
              />
            );
          }}
        </Answered>
      ) : (
        <Answered of={live} lines={10}>
          {({ data }) =>
            data.processes.length === 0 ? (
              <Empty title={find ? "No process fits" : "No process was seen"}>
                {find ? "Look for fewer words." : "The process source fills this."}
              </Empty>
            ) : (
              <ProcessTable
                processes={data.processes}
                note={`${number(data.processes.length)} of ${number(data.matched)}${data.matched < data.total ? ` that fit, of ${number(data.total)} in all` : ""}.`}
              />
            )
          }
        </Answered>
      )}
    </Panel>
  );
}

function ProcessTable({ processes, note }: { processes: ProcessView[]; note: string }) {
  return (
    <>
      <Scroll label="Processes">
        <table className="table">
          <thead>
            <tr>
              <th className="right">pid</th>
              <th>Command</th>
              <th>User</th>
              <th className="right">CPU</th>
              <th className="right">Memory</th>
              <th className="right">Files</th>
              <th className="right">Age</th>
              <th>Unit</th>
            </tr>
          </thead>
          <tbody>
            {processes.map((p) => (
              <tr key={`${p.pid}-${p.start_ticks}`} data-line tabIndex={-1}>
                <td className="right num">{p.pid}</td>
                <td className="wide">
                  <strong>{p.name}</strong> <span className="muted clip mono">{p.command}</span>
                </td>
                <td>{p.user}</td>
                <td className="right num">{percent(p.cpu_percent, 1)}</td>
                <td className="right num">{bytes(p.rss_bytes)}</td>
                <td className="right num">{number(p.open_fds)}</td>
                <td className="right num">
                  {p.age_secs == null ? "–" : shortDuration(p.age_secs)}
                </td>
                <td className="clip">
                  {p.container ? `container ${p.container.slice(0, 12)}` : (p.unit ?? "–")}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p className="muted table-note">{note}</p>
    </>
  );
}

const NOT_STORED = "Only its newest state is kept. Go back to now to see it.";

function Units() {
  const { find } = route.useSearch();
  const navigate = route.useNavigate();
  const at = useAt();
  const units = useUnits(!at);
  if (at)
    return (
      <Panel title="Services">
        <Empty title="Not stored for past moments">{NOT_STORED}</Empty>
      </Panel>
    );
  return (
    <Panel
      flush
      title="Services"
      aside={
        <Find
          value={find}
          onChange={(to) =>
            void navigate({ search: (old) => ({ ...old, find: to }), replace: true })
          }
          placeholder="Find a unit"
        />
      }
    >
      <Answered of={units} lines={8}>
        {({ data }) => {
          const bad = (state: string) => (state === "failed" ? 0 : state === "active" ? 2 : 1);
          const shown = data.units
            .filter((u) => matches(find, u.unit, u.active_state, u.sub_state))
            .sort(
              (a, b) => bad(a.active_state) - bad(b.active_state) || a.unit.localeCompare(b.unit),
            );
          if (shown.length === 0) {
            return (
              <Empty title={find ? "No unit fits" : "No service unit is known"}>
                {find
                  ? "Look for fewer words."
                  : "systemd fills this, over D-Bus; this machine has none, or hale may not ask it (hale doctor)."}
              </Empty>
            );
          }
          return (
            <Scroll label="Service units">
              <table className="table">
                <thead>
                  <tr>
                    <th>Unit</th>
                    <th>State</th>
                    <th>Result</th>
                    <th className="right">Restarts</th>
                    <th className="right">Main pid</th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((u) => (
                    <tr key={u.unit} data-line tabIndex={-1}>
                      <td>
                        <strong>{u.unit}</strong>
                      </td>
                      <td>
                        <Chip
                          tone={
                            u.active_state === "failed"
                              ? "critical"
                              : u.active_state === "active"
                                ? "ok"
                                : "quiet"
                          }
                          dot
                        >
                          {u.active_state} · {u.sub_state}
                        </Chip>
                      </td>
                      <td>{u.result}</td>
                      <td className="right num">{u.restarts}</td>
                      <td className="right num">{u.main_pid || "–"}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          );
        }}
      </Answered>
    </Panel>
  );
}

function Containers() {
  const at = useAt();
  const containers = useContainers(!at);
  if (at)
    return (
      <Panel title="Containers">
        <Empty title="Not shown for past moments">{NOT_STORED}</Empty>
      </Panel>
    );
  return (
    <Panel flush title="Containers">
      <Answered of={containers} lines={6}>
        {({ data }) =>
          data.containers.length === 0 ? (
            <Empty title="No container is seen">
              {data.source?.note ??
                "The Docker or Podman engine's socket fills this ([containers] engine)."}
            </Empty>
          ) : (
            <Scroll label="Containers">
              <table className="table">
                <thead>
                  <tr>
                    <th>Container</th>
                    <th>State</th>
                    <th>Image</th>
                    <th className="right">CPU</th>
                    <th className="right">Memory</th>
                    <th className="right">Restarts</th>
                  </tr>
                </thead>
                <tbody>
                  {data.containers.map((c) => (
                    <tr key={c.id} data-line tabIndex={-1} title={c.health_output ?? undefined}>
                      <td>
                        <strong>{c.name}</strong>{" "}
                        <span className="muted mono">{c.id.slice(0, 12)}</span>
                      </td>
                      <td>
                        <Chip
                          tone={
                            c.health === "unhealthy" || c.oom_killed
                              ? "critical"
                              : c.state === "running"
                                ? "ok"
                                : "quiet"
                          }
                          dot
                        >
                          {c.state}
                          {c.health ? ` · ${c.health}` : ""}
                        </Chip>
                      </td>
                      <td className="clip">{c.image}</td>
                      <td className="right num">{percent(c.cpu_percent, 1)}</td>
                      <td className="right num">
                        {c.memory_percent == null
                          ? bytes(c.memory_bytes)
                          : percent(c.memory_percent)}
                      </td>
                      <td className="right num">{c.restart_count}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          )
        }
      </Answered>
    </Panel>
  );
}

const PRIORITY_OF: Record<string, number | undefined> = {
  all: undefined,
  notice: 5,
  warning: 4,
  error: 3,
};
const PRIORITY_NAMES = [
  "emergency",
  "alert",
  "critical",
  "error",
  "warning",
  "notice",
  "info",
  "debug",
];
const PRIORITY_TONES = [
  "critical",
  "critical",
  "critical",
  "high",
  "medium",
  "info",
  "quiet",
  "quiet",
] as const;

function Journal() {
  const { find, priority } = route.useSearch();
  const navigate = route.useNavigate();
  const at = useAt();
  const now = useNow();
  const end = at ? Date.parse(at) : Math.floor(now / 15_000) * 15_000 + 15_000;
  const journal = useJournal(
    {
      since: new Date(end - 86_400_000).toISOString(),
      until: new Date(end).toISOString(),
      priority: PRIORITY_OF[priority],
      search: find,
      limit: 300,
    },
    false,
  );
  const set = (to: Partial<{ find: string; priority: typeof priority }>) =>
    void navigate({ search: (old) => ({ ...old, ...to }), replace: true });
  return (
    <Panel
      flush
      title="Journal"
      aside={
        <>
          <Segments
            label="Priority"
            value={priority}
            options={PRIORITIES.map((p) => [p, p === "all" ? "all" : `${p}+`] as const)}
            onChange={(to) => set({ priority: to })}
          />
          <Find
            value={find}
            onChange={(to) => set({ find: to })}
            placeholder="Find in the last 24 h"
          />
        </>
      }
    >
      <Answered of={journal} lines={10}>
        {({ data }) =>
          data.entries.length === 0 ? (
            <Empty
              title={
                find || priority !== "all" ? "No entry fits" : "No journal entry in these 24 hours"
              }
            >
              systemd's journal fills this (journalctl); where hale may not read it, hale doctor
              says how.
            </Empty>
          ) : (
            <>
              <ul className="plain journal">
                {data.entries.map((entry, index) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: entries of one second may be alike
                  <li key={`${entry.at}-${index}`} data-line tabIndex={-1}>
                    <time dateTime={entry.at}>{moment(entry.at, now)}</time>
                    <span className="severity" data-tone={PRIORITY_TONES[entry.priority]}>
                      {PRIORITY_NAMES[entry.priority]}
                    </span>
                    <b>{entry.unit ?? entry.identifier ?? "kernel"}</b>
                    <span className="journal-text">{entry.message}</span>
                  </li>
                ))}
              </ul>
              <p className="muted table-note">
                {plural(data.entries.length, "entry", "entries")}
                {data.truncated ? "; there are more: find narrows them down" : ""}.
              </p>
            </>
          )
        }
      </Answered>
    </Panel>
  );
}
