/** Client of the gateway's public API. Used on the server only. */
import { error } from "@sveltejs/kit";

import type { components } from "#lib/api.d.ts";
import { get, type HttpAnswer } from "#lib/http.ts";
import { readTombstone, type TombstoneView } from "#lib/record/tombstone.ts";

type Schemas = components["schemas"];
type RequestHeaders = Record<string, string>;
export type Profile = Schemas["ProfileView"];

const BASE = process.env["PORTAL_GATEWAY_URL"] ?? "http://127.0.0.1:8000";
const DEADLINE_MS = Number(process.env["PORTAL_GATEWAY_DEADLINE_MS"]) || 15_000;

const MAX_NEAR = 3;
const MAX_NAME = 200;

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
export async function read<T>(path: string, headers: RequestHeaders = {}): Promise<T> {
  return JSON.parse((await send(path, "application/json", headers)).text) as T;
}

/** Returns the text of GET `path`. Throws like `read`. */
export async function readText(path: string): Promise<string> {
  return (await send(path, "*/*")).text;
}

async function send(
  path: string,
  accept: string,
  headers: RequestHeaders = {},
): Promise<HttpAnswer> {
  let answer: HttpAnswer;
  try {
    answer = await get(BASE + path, { ...headers, accept }, DEADLINE_MS);
  } catch {
    throw new GatewayError(503, { detail: "The gateway cannot be reached." });
  }
  if (answer.status < 200 || answer.status >= 300) throw readProblem(answer);
  return answer;
}

function readProblem(answer: HttpAnswer): GatewayError {
  const wait = Number(answer.headers["retry-after"]);
  let problem: Problem = {};
  try {
    problem = JSON.parse(answer.text) as Problem;
  } catch {
    // An answer without a problem document, of a proxy for example.
  }
  return new GatewayError(
    answer.status,
    problem,
    Number.isFinite(wait) && wait > 0 ? wait : undefined,
  );
}

/**
 * Runs `load` and turns the gateway's problems into error pages with the same status. If there is no
 * dataset `name`, the page shows those that a search for the name finds.
 */
export async function orErrorPage<T>(load: () => Promise<T>, name?: string): Promise<T> {
  try {
    return await load();
  } catch (problem) {
    if (!(problem instanceof GatewayError)) throw problem;
    const status = problem.status >= 400 && problem.status < 500 ? problem.status : 503;
    error(status, {
      message: problem.message,
      ...(problem.retryAfter ? { retryAfter: problem.retryAfter } : {}),
      ...(problem.status === 410 ? { tombstone: await loadTombstone(problem.problem) } : {}),
      ...(problem.status === 404 && name ? { near: await searchName(name) } : {}),
    });
  }
}

async function loadTombstone(problem: Problem): Promise<TombstoneView> {
  const tombstone = readTombstone(problem);
  const next = problem["superseded_by"];
  if (!tombstone.instead || typeof next !== "string") return tombstone;
  const record = await orNothing(() =>
    read<Schemas["RecordView"]>(`/api/records/${encodeURIComponent(next)}`),
  );
  return record ? { ...tombstone, instead: { href: record.page, label: record.title } } : tombstone;
}

async function searchName(name: string): Promise<Schemas["Card"][]> {
  const query = new URLSearchParams({ q: name.slice(0, MAX_NAME), per_page: String(MAX_NEAR) });
  const page = await orNothing(() => read<Schemas["SearchPage"]>(`/api/search?${query}`));
  return page?.rows ?? [];
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
