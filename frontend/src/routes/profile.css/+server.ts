import { profileStyles } from "#lib/profile.ts";

import type { RequestHandler } from "./$types";

export const GET: RequestHandler = ({ locals }) =>
  new Response(profileStyles(locals.profile), {
    headers: {
      "content-type": "text/css; charset=utf-8",
      "cache-control": locals.isDegraded ? "no-store" : "public, max-age=300",
    },
  });
