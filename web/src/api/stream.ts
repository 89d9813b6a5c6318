// The live stream: one EventSource for the whole page. The browser resumes by itself after a short
// drop, with the last id it saw; where it gives up (the agent was away) a new one is begun here, from
// that same id. A gap means that something was missed: everything is asked anew.

import { useSyncExternalStore } from "react";

export type StreamState = "connecting" | "live" | "lost";

export interface StreamStatus {
  state: StreamState;
  /** Since when it has been so, in milliseconds since 1970. */
  since: number;
}

export const EVENT_NAMES = [
  "alert",
  "incident",
  "thought",
  "health",
  "action",
  "prediction",
  "gap",
] as const;
export type EventName = (typeof EVENT_NAMES)[number];
export type Listener = (name: EventName, data: unknown) => void;

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 15_000;

/** How long to wait before the n-th try. */
export function retryDelay(attempt: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(attempt, 10));
}

export class Stream {
  private source: EventSource | null = null;
  private lastId = "";
  private attempt = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private status: StreamStatus = { state: "connecting", since: Date.now() };
  private watchers = new Set<() => void>();

  constructor(
    private readonly url: string,
    private readonly listener: Listener,
    private readonly open: (url: string) => EventSource = (url) => new EventSource(url),
  ) {}

  start(): void {
    this.connect();
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  snapshot = (): StreamStatus => this.status;

  private set(state: StreamState): void {
    if (this.status.state === state) return;
    this.status = { state, since: Date.now() };
    for (const watcher of this.watchers) watcher();
  }

  private connect(): void {
    const url = this.lastId ? `${this.url}?after=${encodeURIComponent(this.lastId)}` : this.url;
    const source = this.open(url);
    this.source = source;
    source.onopen = () => {
      const wasLost = this.status.state === "lost";
      this.attempt = 0;
      this.set("live");
      // Without an id there is nothing to resume from.
      if (wasLost && !this.lastId) this.listener("gap", null);
    };
    source.onerror = () => {
      this.set("lost");
      if (source.readyState !== EventSource.CLOSED) return;
      source.close();
      this.timer = setTimeout(() => this.connect(), retryDelay(this.attempt));
      this.attempt += 1;
    };
    for (const name of EVENT_NAMES) {
      source.addEventListener(name, (event) => {
        const message = event as MessageEvent<string>;
        if (message.lastEventId) this.lastId = message.lastEventId;
        let data: unknown;
        try {
          data = JSON.parse(message.data);
        } catch {
          return;
        }
        this.listener(name, data);
      });
    }
  }
}

let current: Stream | null = null;

export function setStream(stream: Stream): void {
  current = stream;
}

const never = () => () => {};
const nothing: StreamStatus = { state: "connecting", since: 0 };

export function useStreamStatus(): StreamStatus {
  return useSyncExternalStore(current?.subscribe ?? never, current?.snapshot ?? (() => nothing));
}
