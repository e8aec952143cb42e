import type { Handle, HandleServerError } from "@sveltejs/kit/hooks";

import { LENGTHS_COOKIE, readLengths } from "#lib/formats.ts";
import { GatewayError } from "#lib/gateway.ts";
import { answerMachine } from "#lib/machine/representation.ts";
import { loadProfile, plainProfile } from "#lib/profile.ts";

const HEADERS = {
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "strict-origin-when-cross-origin",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
  "Cross-Origin-Opener-Policy": "same-origin",
};

/** Answers every request: what fails in here would end the server for all readers. */
export const handle: Handle = async (given) => {
  try {
    return await answer(given);
  } catch (problem) {
    reportFailure(given.event.url.pathname, problem);
    return withHeaders(new Response("The page could not be made. Try again.\n", { status: 500 }));
  }
};

const answer: Handle = async ({ event, resolve }) => {
  const machine = await answerMachine(event.request, event.url);
  if (machine) return withHeaders(machine);
  event.locals.isDegraded = false;
  event.locals.lengths = readLengths(event.cookies.get(LENGTHS_COOKIE));
  try {
    event.locals.profile = await loadProfile();
  } catch (problem) {
    if (!(problem instanceof GatewayError)) throw problem;
    event.locals.profile = plainProfile;
    event.locals.isDegraded = true;
  }
  const response = await resolve(event, { preload: ({ type }) => type === "js" || type === "css" });
  response.headers.append("Vary", "Accept, Cookie");
  const { pageStatus } = event.locals;
  if (!pageStatus || response.status !== 200) return withHeaders(response);
  return withHeaders(
    new Response(response.body, { status: pageStatus, headers: response.headers }),
  );
};

function withHeaders(response: Response): Response {
  for (const [name, value] of Object.entries(HEADERS)) response.headers.set(name, value);
  return response;
}

/** Reports what failed on our side; readers get a sentence. */
export const handleError: HandleServerError = ({ kind, error, event }) => {
  if (kind !== "unknown") return;
  reportFailure(event.url.pathname, error);
  return { message: "The page could not be made." };
};

/** Writes one line to the log. */
function reportFailure(path: string, error: unknown): void {
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  console.error(JSON.stringify({ level: "error", event: "page failed", path, reason }));
}
