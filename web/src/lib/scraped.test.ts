import { describe, expect, it } from "vitest";
import {
  courseOf,
  courseSql,
  courseStep,
  inUnit,
  otlpUnit,
  ownLabels,
  seriesOf,
  seriesSql,
  targetsOf,
  targetsSql,
} from "./scraped";

describe("what Prometheus targets expose", () => {
  it("is asked for with names as literals, and until the moment that is looked at", () => {
    expect(seriesSql("it's", 1769436240)).toContain("subject = 'it''s'");
    expect(seriesSql("node", 1769436240)).toContain("starts_with(subject, 'node{')");
    expect(targetsSql(1769436240)).toContain("collected_at <= TIMESTAMP '2026-01-26 14:04:00'");
    const sql = courseSql("up", ["a", 'b{x="it\'s"}'], 0, 2400);
    expect(sql).toContain("subject IN ('a', 'b{x=\"it''s\"}')");
    expect(sql).toContain("(epoch(collected_at) - 0) / 10)");
  });

  it("says of a target whether it answers, and why not", () => {
    const rows = [
      ["db", 0, "Connection refused", 20],
      ["node", 1, "an old error", 30],
    ];
    expect(targetsOf(rows)).toEqual([
      { name: "db", up: false, error: "Connection refused", at: 20 },
      { name: "node", up: true, error: null, at: 30 },
    ]);
  });

  it("is a series with its labels apart from the target's name", () => {
    const rows = [
      ["cpu_seconds_total", 'node{cpu="0"}', 12.5, "seconds", "counter"],
      ["up", "node", 1, "", null],
      ["broken", "node", null, "", "gauge"],
    ];
    expect(seriesOf(rows, "node")).toEqual([
      {
        metric: "cpu_seconds_total",
        subject: 'node{cpu="0"}',
        labels: '{cpu="0"}',
        value: 12.5,
        unit: "seconds",
        counter: true,
      },
      { metric: "up", subject: "node", labels: "", value: 1, unit: "", counter: false },
    ]);
  });

  it("a counter is drawn by its growth, which is not known where it began anew or was not read", () => {
    const rows = [
      [0, "a", 9, 10],
      [2, "a", 29, 30],
      [2, "b", 1, 1],
      [3, "a", 4, 5],
      [4, "a", 14, 15],
    ];
    expect(courseOf(rows, ["a", "b"], true, 100, 5)).toEqual({
      times: [100, 110, 115, 120],
      lines: [
        [null, 2, null, 2],
        [null, null, null, null],
      ],
    });
    expect(courseOf(rows, ["a", "b"], false, 100, 5).lines).toEqual([
      [9, 29, 4, 14],
      [null, 1, null, null],
    ]);
    expect(courseStep(0, 60)).toBe(1);
  });

  it("lines are told apart by the labels in which they differ", () => {
    expect(ownLabels(['{cpu="0",mode="idle"}', '{cpu="0",mode="us\\"er"}'])).toEqual([
      "mode=idle",
      'mode=us"er',
    ]);
    expect(ownLabels(['{cpu="0"}'])).toEqual(["all"]);
    expect(ownLabels([""])).toEqual(["all"]);
  });

  it("units of OpenTelemetry are read alike", () => {
    const told = [
      ["s", 0.25],
      ["ms", 12.5],
      ["By", 2048],
      ["{request}", 3],
    ] as const;
    expect(told.map(([unit, value]) => inUnit(value, otlpUnit(unit)))).toEqual([
      "250 ms",
      "13 ms",
      "2.0 KiB",
      "3",
    ]);
  });

  it("values are read in their unit", () => {
    const told = [
      inUnit(1536, "bytes"),
      inUnit(2048, "bytes", true),
      inUnit(0.0042, "seconds"),
      inUnit(1769436240, "seconds"),
      inUnit(0.5, "seconds", true),
      inUnit(12_345_678, ""),
      inUnit(0.25, ""),
      inUnit(1e-9, ""),
      inUnit(-3, ""),
      inUnit(null, "bytes", true),
    ];
    expect(told).toEqual([
      "1.5 KiB",
      "2.0 KiB/s",
      "4.2 ms",
      "2026-01-26 14:04",
      "500 ms/s",
      "12.3 M",
      "0.250",
      "1.0e-9",
      "-3",
      "–",
    ]);
  });
});
