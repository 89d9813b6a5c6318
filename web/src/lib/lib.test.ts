import { describe, expect, it } from "vitest";
import { bytes, milliseconds, money, number, percent } from "./format";
import { Chords } from "./keys";
import { layout } from "./map";
import { parseMarkdown, parseSpans } from "./markdown";
import { quoted, red, redSql, told, toldSql } from "./red";
import { matches, oneOf, periodSecs, text } from "./search";
import { evidenceMetrics, withBreaks } from "./series";
import { bySeverity, healthWord } from "./severity";

describe("figures", () => {
  it("what was not measured is no zero", () => {
    expect([percent(null), bytes(undefined), number(null), milliseconds(null)]).toEqual([
      "–",
      "–",
      "–",
      "–",
    ]);
    expect([percent(0), bytes(0), number(0), milliseconds(0)]).toEqual([
      "0 %",
      "0 B",
      "0",
      "0.0 ms",
    ]);
  });
  it("units grow with the figure", () => {
    expect([1023, 1536, 5 * 2 ** 30, 200 * 2 ** 20].map(bytes)).toEqual([
      "1023 B",
      "1.5 KiB",
      "5.0 GiB",
      "200 MiB",
    ]);
    expect([4.2, 42, 4200, 42_000].map(milliseconds)).toEqual(["4.2 ms", "42 ms", "4.2 s", "42 s"]);
  });
  it("a currency that nobody knows is shown as it was written", () => {
    expect(money(1200, "USD")).toBe("$1,200");
    expect(money(1200, "beans")).toBe("1,200 beans");
  });
});

describe("searches of a URL", () => {
  it("take only what a view knows", () => {
    expect(oneOf("closed", ["active", "closed"], "active")).toBe("closed");
    expect(oneOf("<script>", ["active", "closed"], "active")).toBe("active");
    expect(oneOf(undefined, ["active", "closed"], "active")).toBe("active");
    expect(text(42)).toBe("42");
    expect(text({})).toBe("");
    expect(text("x".repeat(999))).toHaveLength(200);
  });
  it("every word must be somewhere", () => {
    expect(matches("leak PYTHON", "process.leak", "python3 grows")).toBe(true);
    expect(matches("leak java", "process.leak", "python3 grows")).toBe(false);
    expect(matches("", null)).toBe(true);
  });
  it("periods are seconds", () => {
    expect(["15m", "6h", "7d"].map(periodSecs)).toEqual([900, 21_600, 604_800]);
  });
});

describe("keys", () => {
  it("two presses soon after another are one command", () => {
    const chords = new Chords(["g"]);
    expect(chords.press("g", 0)).toBeNull();
    expect(chords.press("i", 300)).toBe("g i");
    expect(chords.press("i", 600)).toBe("i");
  });
  it("a second press too late stands for itself", () => {
    const chords = new Chords(["g"]);
    chords.press("g", 0);
    expect(chords.press("i", 5_000)).toBe("i");
  });
});

describe("courses", () => {
  it("a line is broken where nothing was measured", () => {
    const [times, values] = withBreaks([0, 5, 10, 60, 65], [[1, 2, 3, 4, 5]], 5);
    expect(times).toEqual([0, 5, 10, 15, 60, 65]);
    expect(values).toEqual([1, 2, 3, null, 4, 5]);
  });
  it("an even course stays as it is", () => {
    expect(withBreaks([0, 5, 10], [[1, null, 3]], 5)).toEqual([
      [0, 5, 10],
      [1, null, 3],
    ]);
    expect(withBreaks([], [[]], 0)).toEqual([[], []]);
  });
  it.each([
    [["process.ghost_storm"], ["Processes", "Memory"]],
    [["disk.filling"], ["Disk"]],
    [
      ["load.high", "memory.high"],
      ["Memory", "CPU"],
    ],
    [["somebody.rule"], ["Memory", "CPU"]],
  ])("evidence of %j is %j", (kinds, titles) => {
    expect(evidenceMetrics(kinds).map((chart) => chart.title)).toEqual(titles);
  });
});

describe("severities", () => {
  it("the worst comes first", () => {
    const all = ["low", "critical", "medium", "high"].map((severity) => ({ severity }));
    expect(all.sort(bySeverity).map((a) => a.severity)).toEqual([
      "critical",
      "high",
      "medium",
      "low",
    ]);
  });
  it("a score has a word", () => {
    expect([1, 0.8, 0.5, 0.1].map((s) => healthWord(s).word)).toEqual([
      "healthy",
      "strained",
      "degraded",
      "in trouble",
    ]);
  });
});

describe("the service map", () => {
  it("callees stand right of their farthest caller", () => {
    const nodes = layout(
      ["gateway", "quote", "db"],
      [
        { from: "gateway", to: "quote" },
        { from: "gateway", to: "db" },
        { from: "quote", to: "db" },
      ],
    );
    expect(Object.fromEntries(nodes.map((n) => [n.name, n.column]))).toEqual({
      gateway: 0,
      quote: 1,
      db: 2,
    });
  });
  it("a circle ends", () => {
    const nodes = layout(
      ["a", "b"],
      [
        { from: "a", to: "b" },
        { from: "b", to: "a" },
        { from: "a", to: "a" },
      ],
    );
    expect(nodes.map((n) => n.name)).toEqual(["a", "b"]);
  });
});

describe("Markdown", () => {
  it("becomes blocks, and markup of others stays text", () => {
    const blocks = parseMarkdown(
      "# What\n\n<b>x</b> and\nmore\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 \\| 3 |\n\n```\ncode\n```\n",
    );
    expect(blocks).toEqual([
      { type: "heading", level: 1, text: "What" },
      { type: "paragraph", text: "<b>x</b> and more" },
      { type: "list", ordered: false, items: ["one", "two"] },
      { type: "table", head: ["a", "b"], rows: [["1", "2 | 3"]] },
      { type: "code", text: "code" },
    ]);
  });
  it("ends on any text", () => {
    for (const hostile of [
      "```",
      "|",
      "> ",
      "- ",
      "#",
      "\n\n",
      "| a\n|-",
      "*".repeat(500),
      "1. ",
    ]) {
      expect(Array.isArray(parseMarkdown(hostile))).toBe(true);
    }
  });
  it("knows emphasis and code, but not within names", () => {
    expect(parseSpans("a **b** `c_d` e_f_g")).toEqual([
      { type: "text", text: "a " },
      { type: "strong", text: "b" },
      { type: "text", text: " " },
      { type: "code", text: "c_d" },
      { type: "text", text: " e_f_g" },
    ]);
  });
});

describe("services over time", () => {
  it("asks with the service's name as a literal, whatever is in it", () => {
    expect(quoted("it's'; DROP TABLE x --")).toBe("'it''s''; DROP TABLE x --'");
    expect(redSql("a'b", 0, 60)).toContain("WHERE service = 'a''b' AND operation = ''");
    expect(toldSql(1769436180, 1769436240)).toContain(
      "collected_at > TIMESTAMP '2026-01-26 14:03:00' AND collected_at <= TIMESTAMP '2026-01-26 14:04:00'",
    );
  });

  it("turns rows, newest first, into courses", () => {
    const course = red([
      [20, 2.5, null, 1, 2, 3],
      [10, 1, 50, null, "x", 3],
    ]);
    expect(course.times).toEqual([10, 20]);
    expect(course.rate).toEqual([1, 2.5]);
    expect(course.errors).toEqual([50, null]);
    expect(course.p95).toEqual([null, 2]);
    expect(told([["shop", 12, 25, null]])).toEqual([
      { service: "shop", requests: 12, error_percent: 25, p95_ms: null },
    ]);
  });
});
