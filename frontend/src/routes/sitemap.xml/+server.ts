/**
 * The list of all pages (sitemaps.org 0.9). A portal with more records than one part of the gateway
 * has gets an index instead, whose files are the parts: `?after=` is where one begins.
 */
import type { components } from "#lib/api.d.ts";
import { orErrorPage, read } from "#lib/gateway.ts";
import { sitemapFile, sitemapIndex } from "#lib/machine/sitemap.ts";

import type { RequestHandler } from "./$types";

type Schemas = components["schemas"];

export const GET: RequestHandler = async ({ url }) => {
  const after = url.searchParams.get("after");
  const { parts } =
    after === null
      ? await orErrorPage(() => read<Schemas["SitemapParts"]>("/api/sitemap/parts"))
      : { parts: [after] };
  const body = parts.length > 1 ? sitemapIndex(url.origin, parts) : await file(url, parts[0] ?? "");
  return new Response(body, {
    headers: {
      "content-type": "application/xml; charset=utf-8",
      "cache-control": "public, max-age=3600",
    },
  });
};

async function file(url: URL, after: string): Promise<string> {
  const path = `/api/sitemap?after=${encodeURIComponent(after)}`;
  const part = await orErrorPage(() => read<Schemas["Sitemap"]>(path));
  return sitemapFile(url.origin, part.entries, { isFirst: after === "" });
}
