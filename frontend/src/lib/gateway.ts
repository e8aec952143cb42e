/** Client of the gateway's public API. Used on the server only. */
import { error } from "@sveltejs/kit";

import type { components } from "#lib/api.d.ts";

type Schemas = components["schemas"];
export type Profile = Schemas["ProfileView"];

const BASE = process.env["PORTAL_GATEWAY_URL"] ?? "http://127.0.0.1:8000";
const DEADLINE_MS = Number(process.env["PORTAL_GATEWAY_DEADLINE_MS"]) || 15_000;

type Fetch = typeof fetch;

export interface Answer<T> {
  status: number;
  body: T;
  headers: Headers;
}

/** A problem of RFC 9457, as the gateway sends it. */
export interface Problem {
  title?: string;
  detail?: string;
  status?: number;
  code?: string;
  [member: string]: unknown;
}

/** The gateway refused a request; `problem` says why. */
export class GatewayError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
    readonly retryAfter?: number,
  ) {
    super(problem.detail ?? problem.title ?? `The gateway answered ${status}`);
  }
}

/**
 * Returns the JSON of GET `path`. Throws GatewayError for a problem, with status 503 if the gateway
 * cannot be reached or does not answer in time.
 */
export async function read<T>(fetcher: Fetch, path: string, headers?: HeadersInit): Promise<T> {
  return (await (await send(fetcher, path, headers)).json()) as T;
}

/** Returns the text of GET `path`. Throws like `read`. */
export async function readText(fetcher: Fetch, path: string): Promise<string> {
  return (await send(fetcher, path, { accept: "*/*" })).text();
}

async function send(fetcher: Fetch, path: string, headers?: HeadersInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetcher(BASE + path, {
      headers: { accept: "application/json", ...headers },
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
  } catch {
    throw new GatewayError(503, { detail: "The gateway cannot be reached." });
  }
  if (!answer.ok) throw await readProblem(answer);
  return answer;
}

async function readProblem(answer: Response): Promise<GatewayError> {
  const wait = Number(answer.headers.get("retry-after"));
  let problem: Problem = {};
  try {
    problem = (await answer.json()) as Problem;
  } catch {
    // An answer without a problem document, of a proxy for example.
  }
  return new GatewayError(
    answer.status,
    problem,
    Number.isFinite(wait) && wait > 0 ? wait : undefined,
  );
}

/** Runs `load` and turns the gateway's problems into error pages with the same status. */
export async function orErrorPage<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (problem) {
    if (!(problem instanceof GatewayError)) throw problem;
    const status = problem.status >= 400 && problem.status < 500 ? problem.status : 503;
    error(status, {
      message: problem.message,
      ...(problem.retryAfter ? { retryAfter: problem.retryAfter } : {}),
      ...(problem.status === 410 ? { tombstone: problem.problem } : {}),
    });
  }
}

/** Returns the address of the gateway for a path; for requests that are passed on. */
export function gatewayUrl(path: string): string {
  return BASE + path;
}

/** Returns what `load` gives, or null if the gateway refuses it: for parts a page does without. */
export async function orNothing<T>(load: () => Promise<T>): Promise<T | null> {
  try {
    return await load();
  } catch (problem) {
    if (problem instanceof GatewayError) return null;
    throw problem;
  }
}
