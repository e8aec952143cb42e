/** The feed of the newest datasets (Atom); each search has one of its own, among its exports. */
import { orErrorPage, readText } from "#lib/gateway.ts";

import type { RequestHandler } from "./$types";

export const GET: RequestHandler = async () => {
  const feed = await orErrorPage(() => readText("/api/search/export?sort=-date&format=atom"));
  return new Response(feed, {
    headers: {
      "content-type": "application/atom+xml; charset=utf-8",
      "cache-control": "public, max-age=900",
    },
  });
};
