// Dark or light: the system's, unless one was chosen here.

import { useSyncExternalStore } from "react";

export type Theme = "dark" | "light";

const media = matchMedia("(prefers-color-scheme: light)");
const watchers = new Set<() => void>();

function chosen(): Theme | undefined {
  const theme = document.documentElement.dataset.theme;
  return theme === "dark" || theme === "light" ? theme : undefined;
}

export function theme(): Theme {
  return chosen() ?? (media.matches ? "light" : "dark");
}

export function toggleTheme(): void {
  const next: Theme = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("hale.theme", next);
  } catch {
    // Without storage it lasts as long as the page.
  }
  for (const watcher of watchers) watcher();
}

export function useTheme(): Theme {
  return useSyncExternalStore((watcher) => {
    watchers.add(watcher);
    media.addEventListener("change", watcher);
    return () => {
      watchers.delete(watcher);
      media.removeEventListener("change", watcher);
    };
  }, theme);
}
