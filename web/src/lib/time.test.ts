import { describe, expect, it } from "vitest";
import { ago, duration, moment, parseAt, shortDuration } from "./time";

describe("durations", () => {
  it.each([
    [0, "0 s"],
    [0.4, "0.4 s"],
    [4, "4 s"],
    [59.6, "1 min"],
    [200, "3 min 20 s"],
    [3600, "1 h"],
    [7500, "2 h 5 min"],
    [93_600, "1 d 2 h"],
    [-5, "0 s"],
  ])("%d s is %s", (seconds, words) => {
    expect(duration(seconds)).toBe(words);
  });
  it("in lists only the largest unit is told", () => {
    expect([5, 200, 7500, 93_600].map(shortDuration)).toEqual(["5 s", "3 min", "2 h", "1 d"]);
  });
});

describe("moments", () => {
  const now = Date.parse("2026-03-10T12:00:00Z");
  it("tells how long ago, and what is to come", () => {
    expect(ago("2026-03-10T11:56:00Z", now)).toBe("4 min ago");
    expect(ago("2026-03-10T12:00:01Z", now)).toBe("just now");
    expect(ago("2026-03-10T12:03:00Z", now)).toBe("in 3 min");
  });
  it("names the day only where it is another one", () => {
    expect(moment(now, now)).toMatch(/^\d\d:\d\d:\d\d$/);
    expect(moment("2026-01-02T12:00:00Z", now)).toMatch(/^2 Jan \d\d:\d\d$/);
    expect(moment("2025-01-02T12:00:00Z", now)).toMatch(/^2 Jan 2025/);
  });
  it.each([
    ["2026-03-10T11:00:00Z", "2026-03-10T11:00:00.000Z"],
    ["2026-03-10T13:00:00Z", undefined],
    ["yesterday", undefined],
    ["", undefined],
    [17, undefined],
    [null, undefined],
  ])("of %j in a URL comes %j", (given, taken) => {
    expect(parseAt(given, now)).toBe(taken);
  });
});
