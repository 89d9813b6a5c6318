// A real agent in a process namespace of its own, with its own files: whatever it does, it does there.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";

/** Fewer than in a real storm, and small: what matters is that they are orphans of one parent. */
const GHOSTS = 12;

export async function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Whether this user may make process namespaces; the words say why not. */
export function cannotIsolate() {
  try {
    execFileSync("unshare", [...namespace(), "true"], { stdio: "pipe" });
    return null;
  } catch (error) {
    return `no process namespace of its own (unshare): ${String(error.stderr ?? error.message).trim()}`;
  }
}

function namespace() {
  const root = process.getuid?.() === 0;
  return [
    ...(root ? [] : ["--user", "--map-root-user"]),
    "--pid",
    "--fork",
    "--mount-proc",
    "--kill-child",
  ];
}

export class Agent {
  /** `config` is added at the end: further sections. Exposed: for other machines too, encrypted, with tokens. */
  constructor(hale, folder, mode, port, config = "", exposed = false) {
    this.hale = hale;
    this.folder = folder;
    this.mode = mode;
    this.port = port;
    this.url = exposed ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(`${folder}/data`, { recursive: true, mode: 0o700 });
    writeFileSync(
      `${folder}/config.toml`,
      `[general]
mode = "${mode}"
interval_secs = 1
machine_id = "shop-01"
[thresholds]
ghost_storm_ram_percent = 0.0
# What else is wrong with the machine that runs the tests is not their subject.
disk_min_free_percent = 0
inode_min_free_percent = 0
disk_full_within_hours = 0.01
cpu_load_factor = 1000
ram_warn_percent = 100
ram_critical_percent = 100
hot_process_for_secs = 86400
[notifications]
desktop = false
terminal = false
[history]
snapshot_interval_secs = 2
[otlp]
enabled = false
[dashboard]
cost_per_minute_of_downtime = 120.0
${config}`,
    );
    // The shell of the namespace: starts the agent again when told, and faults.
    writeFileSync(
      `${folder}/init.sh`,
      `#!/bin/sh
cp /bin/sh ${folder}/claude
while :; do
  if [ -e ${folder}/up ]; then
    rm ${folder}/up
    ${hale} up --listen ${exposed ? "0.0.0.0" : "127.0.0.1"}:${port} >>${folder}/hale.out 2>&1 &
    echo $! >${folder}/pid
  fi
  if [ -e ${folder}/kill ]; then
    kill -9 "$(cat ${folder}/pid)"
    wait "$(cat ${folder}/pid)" 2>/dev/null
    rm ${folder}/kill
  fi
  if [ -e ${folder}/storm ]; then
    rm ${folder}/storm
    ${folder}/claude -c 'for i in ${Array.from({ length: GHOSTS }, (_, i) => i + 1).join(" ")}; do sleep 600 & done; sleep 3' &
  fi
  sleep 0.1
done
`,
    );
  }

  environment() {
    return {
      ...process.env,
      HALE_CONFIG: `${this.folder}/config.toml`,
      HALE_DATA_DIR: `${this.folder}/data`,
    };
  }

  async start() {
    this.shell = spawn("unshare", [...namespace(), "sh", `${this.folder}/init.sh`], {
      env: this.environment(),
      stdio: "ignore",
    });
    await this.up();
  }

  async up() {
    writeFileSync(`${this.folder}/up`, "");
    await this.until("the agent answers", async () => (await fetch(`${this.url}/healthz`)).ok);
  }

  async kill() {
    writeFileSync(`${this.folder}/kill`, "");
    await this.until("the agent is gone", async () => {
      if (existsSync(`${this.folder}/kill`)) return false;
      return fetch(`${this.url}/healthz`).then(
        () => false,
        () => true,
      );
    });
  }

  storm() {
    writeFileSync(`${this.folder}/storm`, "");
  }

  signInLink() {
    return execFileSync(this.hale, ["open", "--print"], {
      env: this.environment(),
      encoding: "utf8",
    }).trim();
  }

  token(name, role) {
    return execFileSync(this.hale, ["token", "create", name, "--role", role], {
      env: this.environment(),
      encoding: "utf8",
    }).match(/hale_\S+/)[0];
  }

  async ask(path) {
    const response = await fetch(`${this.url}/api/v1${path}`);
    return (await response.json()).data;
  }

  async until(what, test, secs = 60) {
    const end = Date.now() + secs * 1000;
    for (;;) {
      try {
        if (await test()) return;
      } catch {
        // Not yet.
      }
      if (Date.now() > end) {
        const said = existsSync(`${this.folder}/hale.out`)
          ? readFileSync(`${this.folder}/hale.out`, "utf8").slice(-2000)
          : "";
        throw new Error(`not within ${secs} s: ${what}\n${said}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  }

  stop() {
    // With its first process all of the namespace ends.
    this.shell?.kill("SIGKILL");
  }
}
