import type { Json, SettingsView } from "../api/model";
import { useSettings } from "../api/queries";
import { useNow } from "../lib/now";
import { ago } from "../lib/time";
import { Answered, Chip, Empty, Panel, Scroll } from "../ui/parts";

const MODES: Record<string, string> = {
  observe: "watches and tells",
  suggest: "also says what to type",
  approve: "asks, and does what a person approved",
  auto: "does alone what is safe, granted or earned; asks for the rest",
};

export function Settings() {
  const settings = useSettings();
  return (
    <div className="view settings">
      <header className="view-head">
        <h1>Settings</h1>
        <p className="muted">
          Read only: <code>hale config edit</code> changes them.
        </p>
      </header>
      <Answered of={settings} lines={14}>
        {({ data }) => (
          <>
            <Panel title="This hale">
              <dl className="facts wide-facts">
                <Fact name="Mode">
                  <Chip tone="accent">{data.mode}</Chip> {MODES[data.mode]}
                </Fact>
                <Fact name="Actions">
                  {data.paused_until ? "paused (hale resume)" : "not paused"}
                </Fact>
                <Fact name="Version">{data.version}</Fact>
                <Fact name="Machine">{data.machine_id ?? "–"}</Fact>
                <Fact name="Configuration">
                  <code>{data.config_path}</code>
                  {data.config_exists ? "" : " (there is none: all values are defaults)"}
                </Fact>
                <Fact name="Data">
                  <code>{data.data_dir}</code>
                </Fact>
              </dl>
            </Panel>
            <Sources data={data} />
            <Panel title="Language models">
              {data.models.length === 0 ? (
                <Empty title="None is configured">
                  hale works without one; hale setup asks for one.
                </Empty>
              ) : (
                <ul className="plain checks">
                  {data.models.map((check) => (
                    <li key={check.name}>
                      <Chip
                        tone={
                          check.state === "ok"
                            ? "ok"
                            : check.state === "warning"
                              ? "medium"
                              : "quiet"
                        }
                        dot
                      >
                        {check.state}
                      </Chip>
                      <strong>{check.name}</strong>
                      <span>
                        {check.found}
                        {check.fix ? <span className="muted"> · {check.fix}</span> : null}
                      </span>
                    </li>
                  ))}
                </ul>
              )}
            </Panel>
            <Panel title="Configuration in force" aside="set values are marked; secrets are masked">
              <div className="config">
                {Object.entries(data.config).map(([section, values]) => (
                  <Section
                    key={section}
                    name={section}
                    values={values}
                    defaults={data.defaults[section] ?? null}
                  />
                ))}
              </div>
            </Panel>
          </>
        )}
      </Answered>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Sources({ data }: { data: SettingsView }) {
  const now = useNow();
  return (
    <Panel title="Sources" flush>
      {data.sources.length === 0 ? (
        <Empty title="No source was read yet">
          The first look comes within seconds of the start.
        </Empty>
      ) : (
        <Scroll label="Sources">
          <table className="table">
            <thead>
              <tr>
                <th>Source</th>
                <th>State</th>
                <th>Last read well</th>
                <th className="right">Took</th>
                <th>Note</th>
              </tr>
            </thead>
            <tbody>
              {data.sources.map((source) => (
                <tr key={source.source}>
                  <td>
                    <strong>{source.source}</strong>
                  </td>
                  <td>
                    <Chip
                      tone={
                        source.state === "fresh"
                          ? "ok"
                          : source.state === "stale"
                            ? "high"
                            : "quiet"
                      }
                      dot
                    >
                      {source.state}
                    </Chip>
                  </td>
                  <td>{source.last_fresh_at ? ago(source.last_fresh_at, now) : "never"}</td>
                  <td className="right num">{(source.took_us / 1000).toFixed(1)} ms</td>
                  <td className="note-cell">{source.note ?? ""}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Panel>
  );
}

function Section({ name, values, defaults }: { name: string; values: Json; defaults: Json }) {
  if (values === null || typeof values !== "object") return null;
  const entries: [string, Json][] = Array.isArray(values)
    ? values.map((v, i) => [`#${i + 1}`, v])
    : Object.entries(values);
  if (entries.length === 0) return null;
  const isSet = (key: string, value: Json) => {
    const usual =
      defaults !== null && typeof defaults === "object" && !Array.isArray(defaults)
        ? defaults[key]
        : undefined;
    return JSON.stringify(usual) !== JSON.stringify(value);
  };
  return (
    <section>
      <h3>[{name}]</h3>
      <dl>
        {entries.map(([key, value]) => (
          <div key={key} data-set={isSet(key, value) || undefined}>
            <dt>{key}</dt>
            <dd>{shown(value)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function shown(value: Json): string {
  if (value === "" || value === null) return "not set";
  if (Array.isArray(value) && value.every((v) => typeof v !== "object"))
    return value.length === 0 ? "none" : value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
