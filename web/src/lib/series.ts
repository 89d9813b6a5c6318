// Courses of figures for charts.

/**
 * A line is broken where there is no point for more than three steps: nothing was measured there, and a
 * straight line would claim that something was.
 */
export function withBreaks(
  times: readonly number[],
  values: readonly (readonly (number | null)[])[],
  step: number,
): [number[], ...(number | null)[][]] {
  const outTimes: number[] = [];
  const out: (number | null)[][] = values.map(() => []);
  const usual = Math.max(step, median(gaps(times)));
  const limit = usual * 3.5;
  times.forEach((time, at) => {
    const before = times[at - 1];
    if (before !== undefined && limit > 0 && time - before > limit) {
      outTimes.push(before + usual);
      for (const line of out) line.push(null);
    }
    outTimes.push(time);
    out.forEach((line, which) => {
      line.push(values[which]?.[at] ?? null);
    });
  });
  return [outTimes, ...out];
}

function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((time, at) => time - (times[at] ?? time));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Which figures are evidence of which kind of alert. */
export function evidenceMetrics(
  kinds: readonly string[],
): { title: string; metrics: string[]; unit: "percent" | "load" | "rate" | "count" }[] {
  const wanted = new Set<string>();
  for (const kind of kinds) {
    const group = kind.split(".")[0] ?? "";
    if (
      group === "memory" ||
      kind === "kernel.oom" ||
      kind === "process.leak" ||
      kind === "process.ghost_storm"
    )
      wanted.add("memory");
    if (group === "swap") wanted.add("memory");
    if (group === "cpu" || group === "load" || kind === "process.orphan" || group === "temperature")
      wanted.add("cpu");
    if (group === "disk") wanted.add("disk");
    if (group === "process") wanted.add("processes");
    if (group === "http" || group === "container" || group === "service")
      wanted.add("cpu").add("memory");
  }
  if (wanted.size === 0) wanted.add("cpu").add("memory");
  const all = {
    memory: { title: "Memory", metrics: ["mem_used_percent"], unit: "percent" },
    cpu: { title: "CPU", metrics: ["cpu_total", "cpu_iowait"], unit: "percent" },
    disk: { title: "Disk", metrics: ["disk_read_mbps", "disk_write_mbps"], unit: "rate" },
    processes: { title: "Processes", metrics: ["process_count"], unit: "count" },
  } as const;
  const order = ["processes", "memory", "cpu", "disk"] as const;
  return order
    .filter((name) => wanted.has(name))
    .map((name) => ({ ...all[name], metrics: [...all[name].metrics] }));
}
