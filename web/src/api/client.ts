// The way to the agent: questions in the envelope of `hale robot`, changes as POST. Nothing else in
// the dashboard calls fetch.

export interface Envelope<T> {
  schema_version: string;
  generated_at: string;
  data: T;
  staleness: Record<string, number>;
  warnings: string[];
}

/** What the agent said no with, or that it could not be reached (status 0). */
export class ApiFailure extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint: string | null = null,
  ) {
    super(message);
    this.name = "ApiFailure";
  }

  /** Whether signing in would help. */
  get needsSignIn(): boolean {
    return this.status === 401;
  }
}

export type Params = Record<string, string | number | boolean | null | undefined>;

const ROOT = "/api/v1";

export function urlOf(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return ROOT + path + (text ? `?${text}` : "");
}

async function failure(response: Response): Promise<ApiFailure> {
  try {
    const body = (await response.json()) as { error?: { message?: string; hint?: string | null } };
    if (body.error?.message) {
      return new ApiFailure(response.status, body.error.message, body.error.hint ?? null);
    }
  } catch {
    // Not an answer of the agent: a proxy's page, or nothing.
  }
  return new ApiFailure(response.status, `the agent answered ${response.status}`);
}

async function send(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiFailure(
      0,
      "the agent does not answer",
      "start it with `hale up`; this page goes on by itself",
    );
  }
  if (!response.ok) throw await failure(response);
  return response;
}

export async function ask<T>(
  path: string,
  params?: Params,
  signal?: AbortSignal,
): Promise<Envelope<T>> {
  const response = await send(urlOf(path, params), signal ? { signal } : {});
  return (await response.json()) as Envelope<T>;
}

export async function askText(path: string, signal?: AbortSignal): Promise<string> {
  return (await send(urlOf(path), signal ? { signal } : {})).text();
}

export async function change<T = unknown>(path: string, body: object = {}): Promise<T> {
  const response = await send(urlOf(path), {
    method: "POST",
    headers: { "content-type": "application/json", "x-hale-request": "dashboard" },
    body: JSON.stringify(body),
  });
  return (await response.json()) as T;
}
