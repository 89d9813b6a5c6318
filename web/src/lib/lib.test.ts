import { describe, expect, it } from "vitest";
import { bytes, milliseconds, money, number, percent } from "./format";
import { Chords } from "./keys";
import { LABEL, NODE, type ServiceMap, serviceMap } from "./map";
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
  const columnsOf = (map: ServiceMap) =>
    Object.fromEntries(map.nodes.map((n) => [n.name, n.column]));

  /** Where a path of `M`, `H`, `V`, `C` and `q` runs, point by point. */
  function* pointsOf(path: string): Generator<{ x: number; y: number }> {
    let [x, y] = [0, 0];
    const line = function* (x1: number, y1: number) {
      for (let i = 0; i <= 40; i += 1)
        yield { x: x + ((x1 - x) * i) / 40, y: y + ((y1 - y) * i) / 40 };
      [x, y] = [x1, y1];
    };
    for (const [, command, figures] of path.matchAll(/([MHVCq])([^MHVCq]*)/g)) {
      const n = (figures ?? "").trim().split(/\s+/).map(Number);
      const f = (at: number) => n[at] ?? Number.NaN;
      if (command === "M") [x, y] = [f(0), f(1)];
      else if (command === "H") yield* line(f(0), y);
      else if (command === "V") yield* line(x, f(0));
      else if (command === "q") yield* line(x + f(2), y + f(3));
      else {
        const [x0, y0] = [x, y];
        for (let i = 0; i <= 60; i += 1) {
          const [t, u] = [i / 60, 1 - i / 60];
          const [a, b, c, d] = [u ** 3, 3 * u * u * t, 3 * u * t * t, t ** 3];
          yield {
            x: a * x0 + b * f(0) + c * f(2) + d * f(4),
            y: a * y0 + b * f(1) + c * f(3) + d * f(5),
          };
        }
        [x, y] = [f(4), f(5)];
      }
    }
  }

  /** What must hold of every map: no figure under a service or on another one, no line under a service. */
  function faults(map: ServiceMap): string[] {
    const found: string[] = [];
    for (const edge of map.edges) {
      const name = `${edge.from} > ${edge.to}`;
      const { x, y } = edge.label;
      if (x - LABEL.width / 2 < 0 || x + LABEL.width / 2 > map.width || y > map.height)
        found.push(`the figure of ${name} is outside`);
      for (const node of map.nodes) {
        const apartX = Math.abs(x - (node.x + NODE.width / 2)) >= (NODE.width + LABEL.width) / 2;
        const apartY = Math.abs(y - (node.y + NODE.height / 2)) >= (NODE.height + LABEL.height) / 2;
        if (!apartX && !apartY) found.push(`the figure of ${name} is under ${node.name}`);
        for (const p of pointsOf(edge.path)) {
          const inside =
            p.x > node.x + 0.01 &&
            p.x < node.x + NODE.width - 0.01 &&
            p.y > node.y &&
            p.y < node.y + NODE.height;
          if (inside) {
            found.push(`the line ${name} runs under ${node.name}`);
            break;
          }
        }
      }
      for (const other of map.edges) {
        if (other === edge) continue;
        const [dx, dy] = [Math.abs(other.label.x - x), Math.abs(other.label.y - y)];
        if (dx < LABEL.width && dy < LABEL.height)
          found.push(`the figures of ${name} and ${other.from} > ${other.to} lie on each other`);
      }
    }
    return found;
  }

  const calls = (...pairs: string[]) =>
    pairs.map((pair) => {
      const [from = "", to = ""] = pair.split(">");
      return { from, to };
    });

  it("callees stand right of their farthest caller, and a line goes round those between", () => {
    const map = serviceMap(
      ["gateway", "quote", "db"],
      calls("gateway>quote", "gateway>db", "quote>db"),
    );
    expect(columnsOf(map)).toEqual({ gateway: 0, quote: 1, db: 2 });
    expect(faults(map)).toEqual([]);
  });

  it("a circle ends, and calls back go round below all", () => {
    const map = serviceMap(["a", "b", "c"], calls("a>b", "b>a", "a>a", "b>c", "c>b"));
    expect(map.nodes.map((n) => n.name)).toEqual(["a", "b", "c"]);
    expect(map.edges.length).toBe(4);
    expect(faults(map)).toEqual([]);
  });

  it("a pair that is told twice is one line, and nobody is no map", () => {
    expect(serviceMap([], calls("a>b", "a>b")).edges.length).toBe(1);
    expect(serviceMap([], []).nodes).toEqual([]);
  });

  it("figures and lines keep clear of services in any map of up to twelve of them", () => {
    let seed = 7;
    const random = (below: number) => {
      // Park and Miller.
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let round = 0; round < 200; round += 1) {
      const names = Array.from({ length: 2 + random(11) }, (_, i) => `s${i}`);
      const pairs = Array.from({ length: 1 + random(names.length + 3) }, () => ({
        from: names[random(names.length)] ?? "",
        to: names[random(names.length)] ?? "",
      }));
      expect(faults(serviceMap(names, pairs)), JSON.stringify(pairs)).toEqual([]);
    }
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
