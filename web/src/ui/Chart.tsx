// A chart over time. Its height is fixed before there is any data, its colours come from the theme, and
// what it shows is also said in words.

import { useEffect, useMemo, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { withBreaks } from "../lib/series";
import { useTheme } from "../lib/theme";
import { moment } from "../lib/time";

export interface Line {
  label: string;
  values: (number | null)[];
  /** Which of the theme's chart colours: 1 to 4. */
  color: 1 | 2 | 3 | 4;
  fill?: boolean;
}

/** A stretch of time that is shaded: when the fault was there. */
export interface Shade {
  from: number;
  to: number | null;
  label: string;
}

const HEIGHT_PX = 150;

export function Chart({
  title,
  times,
  lines,
  format,
  range,
  shades = [],
  until,
  sync = "hale",
  step,
}: {
  title: string;
  times: number[];
  lines: Line[];
  format: (value: number | null | undefined) => string;
  /** Fixed ends of the scale, where it has any: 0 to 100 %. */
  range?: [number, number | null];
  shades?: Shade[];
  /** The ends of the time axis in seconds since 1970. */
  until?: [number, number];
  sync?: string;
  step?: number;
}) {
  const host = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  const plot = useRef<uPlot | null>(null);
  const shown = useRef({ shades, format });
  shown.current = { shades, format };
  const labels = lines.map((line) => `${line.label}:${line.color}:${line.fill ?? false}`).join("|");
  const data = useMemo(
    () =>
      withBreaks(
        times,
        lines.map((line) => line.values),
        step ?? 0,
      ),
    [times, lines, step],
  );
  const latest = useRef(data);
  latest.current = data;
  const rangeKey = JSON.stringify(range ?? null);
  const untilKey = JSON.stringify(until ?? null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: made anew only where its make changes; data goes in below
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const css = getComputedStyle(document.documentElement);
    const color = (name: string) => css.getPropertyValue(name).trim();
    const grid = { stroke: color("--chart-grid"), width: 1 };
    const options: uPlot.Options = {
      width: element.clientWidth || 300,
      height: HEIGHT_PX,
      padding: [8, 6, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: sync }, y: false, points: { size: 6 }, drag: { x: false, y: false } },
      scales: {
        x: {
          time: true,
          ...(until ? { range: () => JSON.parse(untilKey) as [number, number] } : {}),
        },
        y: { range: (_, low, high) => scale(low, high, range) },
      },
      axes: [
        {
          stroke: color("--text-3"),
          grid: { show: false },
          ticks: { show: false },
          size: 24,
          font: FONT,
          space: 64,
          values: hours,
        },
        {
          stroke: color("--text-3"),
          grid,
          ticks: { show: false },
          size: 62,
          font: FONT,
          space: 34,
          values: (_, ticks) => ticks.map((tick) => shown.current.format(tick)),
        },
      ],
      series: [
        {},
        ...lines.map((line) => ({
          label: line.label,
          stroke: color(`--chart-${line.color}`),
          width: 1.6,
          ...(line.fill ? { fill: color(`--chart-${line.color}-fill`) } : {}),
          points: { show: false },
          spanGaps: false,
        })),
      ],
      hooks: {
        drawClear: [
          (u) => drawShades(u, shown.current.shades, color("--shade"), color("--shade-edge")),
        ],
        setCursor: [(u) => readOut(u, element, shown.current.format)],
      },
    };
    plot.current = new uPlot(options, latest.current as uPlot.AlignedData, element);
    const resize = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX });
    });
    resize.observe(element);
    return () => {
      resize.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [labels, theme, rangeKey, untilKey, sync]);

  useEffect(() => {
    plot.current?.setData(data as uPlot.AlignedData);
  }, [data]);

  return (
    <figure className="chart" aria-label={`${title}: ${inWords(lines, format)}`}>
      <figcaption>
        <span className="chart-title">{title}</span>
        <span className="chart-legend">
          {lines.map((line) => (
            <span key={line.label} data-color={line.color}>
              <i aria-hidden="true" />
              {lines.length > 1 ? `${line.label} ` : ""}
              <b>{format(last(line.values))}</b>
            </span>
          ))}
        </span>
        <output className="chart-cursor" aria-hidden="true" />
      </figcaption>
      <div ref={host} className="chart-host" style={{ height: HEIGHT_PX }} />
      {shades.map((shade) => (
        <span key={shade.label} className="sr-only">
          shaded: {shade.label}
        </span>
      ))}
    </figure>
  );
}

const FONT = "11px Inter, ui-sans-serif, system-ui, sans-serif";

function last(values: (number | null)[]): number | null {
  return values.findLast((value) => value != null) ?? null;
}

function inWords(lines: Line[], format: (value: number | null) => string): string {
  return lines
    .map((line) => {
      const known = line.values.filter((value): value is number => value != null);
      if (known.length === 0) return `${line.label} not measured`;
      return `${line.label} now ${format(known.at(-1) ?? null)}, least ${format(Math.min(...known))}, most ${format(Math.max(...known))}`;
    })
    .join("; ");
}

function scale(
  low: number | null,
  high: number | null,
  range?: [number, number | null],
): [number, number] {
  const bottom = range ? range[0] : Math.min(0, low ?? 0);
  if (range?.[1] != null) return [bottom, range[1]];
  const top = (high ?? 0) * 1.15;
  return [bottom, top > bottom ? top : bottom + 1];
}

function hours(u: uPlot, ticks: number[]): string[] {
  const span = (u.scales.x?.max ?? 0) - (u.scales.x?.min ?? 0);
  return ticks.map((tick) => {
    const text = new Date(tick * 1000).toTimeString();
    return span < 600 ? text.slice(0, 8) : text.slice(0, 5);
  });
}

function drawShades(u: uPlot, shades: Shade[], fill: string, edge: string): void {
  const { ctx, bbox } = u;
  ctx.save();
  for (const shade of shades) {
    const x0 = Math.max(bbox.left, u.valToPos(shade.from, "x", true));
    const end = shade.to ?? u.scales.x?.max ?? shade.from;
    const x1 = Math.min(bbox.left + bbox.width, u.valToPos(end, "x", true));
    if (!(x1 >= x0)) continue;
    ctx.fillStyle = fill;
    ctx.fillRect(x0, bbox.top, Math.max(2, x1 - x0), bbox.height);
    ctx.fillStyle = edge;
    ctx.fillRect(x0, bbox.top, 1, bbox.height);
    if (shade.to != null) ctx.fillRect(Math.max(x0 + 1, x1 - 1), bbox.top, 1, bbox.height);
  }
  ctx.restore();
}

function readOut(
  u: uPlot,
  host: HTMLElement,
  format: (value: number | null | undefined) => string,
): void {
  const output = host.parentElement?.querySelector(".chart-cursor");
  if (!output) return;
  const index = u.cursor.idx;
  if (index == null) {
    output.textContent = "";
    return;
  }
  const time = u.data[0][index];
  if (time == null) return;
  const values = u.series.slice(1).map((_, at) => format(u.data[at + 1]?.[index]));
  output.textContent = `${moment(time * 1000, Date.now())}  ${values.join("  ")}`;
}
