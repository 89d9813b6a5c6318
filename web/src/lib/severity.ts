// One look for one meaning, everywhere: severities, states of incidents and of actions, risks, and the
// four voices.

export type Severity = "low" | "medium" | "high" | "critical";
export type Tone = "ok" | "info" | "low" | "medium" | "high" | "critical" | "quiet" | "accent";

const ORDER: Record<string, number> = { low: 0, medium: 1, high: 2, critical: 3 };

/** Worst first. */
export function bySeverity(a: { severity: string }, b: { severity: string }): number {
  return (ORDER[b.severity] ?? 0) - (ORDER[a.severity] ?? 0);
}

/** The steps of an incident's life, in the order that people follow it. */
export const STEPS = [
  "open",
  "diagnosing",
  "awaiting_approval",
  "acting",
  "verifying",
  "resolved",
] as const;

export function isOver(state: string): boolean {
  return state === "resolved";
}

export function incidentTone(state: string): Tone {
  switch (state) {
    case "resolved":
      return "ok";
    case "awaiting_approval":
      return "accent";
    case "escalated":
      return "critical";
    case "acting":
    case "verifying":
      return "info";
    default:
      return "medium";
  }
}

export function actionTone(state: string): Tone {
  switch (state) {
    case "succeeded":
      return "ok";
    case "failed":
    case "unknown":
      return "critical";
    case "awaiting_approval":
      return "accent";
    case "intended":
    case "running":
      return "info";
    default:
      return "quiet";
  }
}

export function riskTone(risk: string): Tone {
  switch (risk) {
    case "info":
      return "info";
    case "warning":
      return "medium";
    case "critical":
    case "deny":
      return "critical";
    default:
      return "quiet";
  }
}

/** Health as a word, with the figure beside it. */
export function healthWord(score: number): { word: string; tone: Tone } {
  if (score >= 0.9) return { word: "healthy", tone: "ok" };
  if (score >= 0.7) return { word: "strained", tone: "medium" };
  if (score >= 0.4) return { word: "degraded", tone: "high" };
  return { word: "in trouble", tone: "critical" };
}
