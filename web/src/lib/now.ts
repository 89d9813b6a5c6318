// One clock for the whole page, so that all "ago" turn over together.

import { useSyncExternalStore } from "react";

const watchers = new Set<() => void>();
let now = Date.now();
setInterval(() => {
  now = Date.now();
  for (const watcher of watchers) watcher();
}, 1000);

const subscribe = (watcher: () => void) => {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
};

/** Milliseconds since 1970, to the second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}
