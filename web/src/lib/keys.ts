// Keys. One listener for the page; what is typed into a field is text and no command.

import { useEffect, useRef } from "react";

export interface KeyCommand {
  keys: string;
  does: string;
}

/** What `?` shows. */
export const KEYS: { group: string; keys: KeyCommand[] }[] = [
  {
    group: "Go to",
    keys: [
      { keys: "g o", does: "Overview" },
      { keys: "g i", does: "Incidents" },
      { keys: "g a", does: "Alerts" },
      { keys: "g m", does: "Machine" },
      { keys: "g s", does: "Services" },
      { keys: "g r", does: "Runbook" },
      { keys: "g u", does: "Audit" },
      { keys: "g t", does: "Settings" },
    ],
  },
  {
    group: "In a list",
    keys: [
      { keys: "j", does: "Next" },
      { keys: "k", does: "Previous" },
      { keys: "Enter", does: "Open" },
      { keys: "/", does: "Find in this view" },
    ],
  },
  {
    group: "Time",
    keys: [
      { keys: "[", does: "A minute back" },
      { keys: "]", does: "A minute on" },
      { keys: "{", does: "An hour back" },
      { keys: "}", does: "An hour on" },
      { keys: "n", does: "Now, live" },
    ],
  },
  {
    group: "Everywhere",
    keys: [
      { keys: "Ctrl K", does: "Find anything" },
      { keys: "t", does: "Light or dark" },
      { keys: "?", does: "These keys" },
      { keys: "Esc", does: "Close" },
    ],
  },
];

/** How long the second key of two may take. */
const SECOND_KEY_MS = 1_500;

/** Turns single presses into commands: `g i` is `i` soon after `g`. */
export class Chords {
  private first: { key: string; at: number } | null = null;

  constructor(private readonly starters: readonly string[]) {}

  press(key: string, at: number): string | null {
    const first = this.first;
    this.first = null;
    if (first && at - first.at <= SECOND_KEY_MS) return `${first.key} ${key}`;
    if (this.starters.includes(key)) {
      this.first = { key, at };
      return null;
    }
    return key;
  }
}

export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

/** Calls the command of a key or a pair of keys. */
export function useKeys(commands: Record<string, () => void>): void {
  const latest = useRef(commands);
  latest.current = commands;
  useEffect(() => {
    const chords = new Chords(["g"]);
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey) return;
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        latest.current["Ctrl K"]?.();
        return;
      }
      if (event.ctrlKey || event.metaKey || isTyping(event.target)) return;
      if (document.querySelector("dialog[open]")) return;
      const command = chords.press(event.key, event.timeStamp);
      const run = command ? latest.current[command] : undefined;
      if (run) {
        event.preventDefault();
        run();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

/** j and k move through whatever is marked as a line of the list on this view. */
export function moveInList(step: 1 | -1): void {
  const lines = [...document.querySelectorAll<HTMLElement>("[data-line]")].filter(
    (line) => line.offsetParent !== null,
  );
  if (lines.length === 0) return;
  const active = document.activeElement;
  const at = lines.findIndex((line) => line === active || line.contains(active));
  const next = at < 0 ? (step === 1 ? 0 : lines.length - 1) : at + step;
  const line = lines[Math.min(lines.length - 1, Math.max(0, next))];
  line?.focus();
  line?.scrollIntoView({ block: "nearest" });
}
