import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiFailure, ask, urlOf } from "./client";
import type { IncidentView } from "./model";
import { applyEvent, newer, withThought } from "./queries";
import { retryDelay, Stream } from "./stream";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("questions", () => {
  it("leave out what is not given", () => {
    expect(urlOf("/alerts", { state: undefined, limit: 5, find: "a b", none: "" })).toBe(
      "/api/v1/alerts?limit=5&find=a+b",
    );
    expect(urlOf("/health")).toBe("/api/v1/health");
  });
  it("a refusal keeps its words and its hint", async () => {
    const body = JSON.stringify({ error: { kind: "refused", message: "no", hint: "sign in" } });
    vi.stubGlobal("fetch", async () => new Response(body, { status: 401 }));
    const error = await ask("/x").catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiFailure);
    expect(error).toMatchObject({ status: 401, message: "no", hint: "sign in", needsSignIn: true });
  });
  it("an agent that is away is said so", async () => {
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("Failed to fetch");
    });
    await expect(ask("/x")).rejects.toMatchObject({
      status: 0,
      message: "the agent does not answer",
    });
  });
});

const incident = (timeline: IncidentView["timeline"]): IncidentView => ({
  id: "in-1",
  external_ids: [],
  title: "t",
  state: "open",
  severity: "low",
  machine_id: "m",
  opened_at: "2026-01-01T00:00:00Z",
  closed_at: null,
  alerts: [],
  diagnosis: null,
  actions: [],
  timeline,
});
const line = (ts: string, text: string) => ({ ts, agent: "Scout" as const, kind: "note", text });

describe("what the stream tells", () => {
  it("a line is added once, in its place", () => {
    const one = incident([line("2026-01-01T00:00:02Z", "b")]);
    const two = withThought(one, line("2026-01-01T00:00:01Z", "a"));
    expect(two.timeline.map((l) => l.text)).toEqual(["a", "b"]);
    expect(withThought(two, line("2026-01-01T00:00:01Z", "a"))).toBe(two);
  });
  it("an incident that is told does not lose lines told before", () => {
    const old = incident([line("2026-01-01T00:00:01Z", "a"), line("2026-01-01T00:00:02Z", "b")]);
    const told = { ...incident([line("2026-01-01T00:00:01Z", "a")]), state: "acting" };
    expect(newer(old, told)).toMatchObject({ state: "acting" });
    expect(newer(old, told).timeline).toHaveLength(2);
  });
  it("goes into what is shown, at once, and never into the past", () => {
    const client = new QueryClient();
    const envelope = { data: incident([]) };
    client.setQueryData(["/incidents/in-1", {}], envelope);
    client.setQueryData(["/past/incidents/in-1", { at: "x" }], envelope);
    applyEvent(client, "thought", {
      incident_id: "in-1",
      entry: line("2026-01-01T00:00:01Z", "a"),
    });
    const shown = (key: unknown[]) =>
      (client.getQueryData(key) as typeof envelope).data.timeline.length;
    expect(shown(["/incidents/in-1", {}])).toBe(1);
    expect(shown(["/past/incidents/in-1", { at: "x" }])).toBe(0);
  });
});

class Source {
  static all: Source[] = [];
  static CLOSED = 2;
  readyState = 0;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  private listeners = new Map<string, (event: unknown) => void>();
  constructor(readonly url: string) {
    Source.all.push(this);
  }
  addEventListener(name: string, listener: (event: unknown) => void) {
    this.listeners.set(name, listener);
  }
  tell(name: string, data: string, lastEventId: string) {
    this.listeners.get(name)?.({ data, lastEventId });
  }
  close() {
    this.readyState = 2;
  }
}

describe("the stream", () => {
  beforeEach(() => {
    Source.all = [];
    vi.useFakeTimers();
    vi.stubGlobal("EventSource", Source);
  });
  it("is begun anew from the last event where the browser has given up", () => {
    const heard: string[] = [];
    const stream = new Stream("/s", (name) => heard.push(name));
    stream.start();
    const first = Source.all[0] as Source;
    first.onopen?.();
    first.tell("health", "{}", "41");
    expect(stream.snapshot().state).toBe("live");
    first.readyState = 2;
    first.onerror?.();
    expect(stream.snapshot().state).toBe("lost");
    vi.advanceTimersByTime(retryDelay(0));
    const second = Source.all[1] as Source;
    expect(second.url).toBe("/s?after=41");
    second.onopen?.();
    expect(stream.snapshot().state).toBe("live");
    expect(heard).toEqual(["health"]);
  });
  it("a short drop is the browser's own affair", () => {
    const stream = new Stream("/s", () => {});
    stream.start();
    const only = Source.all[0] as Source;
    only.onerror?.();
    vi.advanceTimersByTime(60_000);
    expect(Source.all).toHaveLength(1);
  });
  it("what is no JSON is passed over", () => {
    const heard: string[] = [];
    const stream = new Stream("/s", (name) => heard.push(name));
    stream.start();
    (Source.all[0] as Source).tell("alert", "{", "1");
    expect(heard).toEqual([]);
  });
  it("waits longer each time, up to a limit", () => {
    expect([0, 1, 2, 3, 4, 100].map(retryDelay)).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000]);
  });
});
