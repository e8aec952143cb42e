/** The list of all pages (sitemaps.org 0.9), made from the gateway's parts. */
import type { components } from "#lib/api.d.ts";
import { orErrorPage, read } from "#lib/gateway.ts";

import type { RequestHandler } from "./$types";

const MAX_PAGES = 50_000; // of one file
const OWN = ["/", "/search", "/organs", "/donors", "/about"];

const escape = (text: string): string =>
  text.replace(/[<>&'"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

export const GET: RequestHandler = async ({ url }) => {
  const entries = OWN.map((page) => `<url><loc>${escape(url.origin + page)}</loc></url>`);
  let after: string | null = "";
  while (after !== null && entries.length < MAX_PAGES) {
    const path: string = after ? `/api/sitemap?after=${encodeURIComponent(after)}` : "/api/sitemap";
    const part = await orErrorPage(() => read<components["schemas"]["Sitemap"]>(path));
    for (const entry of part.entries) {
      const changed = entry.changed
        ? `<lastmod>${escape(entry.changed.slice(0, 10))}</lastmod>`
        : "";
      entries.push(`<url><loc>${escape(url.origin + entry.page)}</loc>${changed}</url>`);
    }
    after = part.next ?? null;
  }
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n${entries.slice(0, MAX_PAGES).join("\n")}\n</urlset>\n`;
  return new Response(body, {
    headers: {
      "content-type": "application/xml; charset=utf-8",
      "cache-control": "public, max-age=3600",
    },
  });
};
