import { error, redirect } from "@sveltejs/kit";

import { LENGTHS_COOKIE, readLengths } from "#lib/formats.ts";

import type { RequestHandler } from "./$types";

const YEAR_S = 365 * 24 * 3600;

/** Keeps the units that a reader chose, and shows the page again. */
export const POST: RequestHandler = async ({ request, cookies, url }) => {
  const form = await request
    .formData()
    .catch(() => error(400, { message: "The body is no form: send lengths and back as a form." }));
  const chosen = form.get("lengths");
  const back = form.get("back");
  cookies.set(LENGTHS_COOKIE, readLengths(typeof chosen === "string" ? chosen : null), {
    path: "/",
    maxAge: YEAR_S,
    sameSite: "lax",
    httpOnly: false, // the page's script changes it without loading the page again
    secure: url.protocol === "https:",
  });
  redirect(303, pathOnly(typeof back === "string" ? back : "/", url.origin));
};

/** Returns the path and query of an address of this site; "/" for any other. */
function pathOnly(address: string, origin: string): string {
  if (!address.startsWith("/") || !URL.canParse(address, origin)) return "/";
  const { origin: found, pathname, search } = new URL(address, origin);
  return found === origin ? pathname + search : "/";
}
