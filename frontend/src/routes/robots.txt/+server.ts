/** Robots may read every page; combinations of filters lead to the same pages and are left out. */
import type { RequestHandler } from "./$types";

export const GET: RequestHandler = ({ url }) =>
  new Response(
    `User-agent: *\nDisallow: /search?\nDisallow: /datasets/*/files?\nDisallow: /downloads/\nDisallow: /viewer\nDisallow: /api/search\nAllow: /\n\nSitemap: ${url.origin}/sitemap.xml\n`,
    {
      headers: {
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "public, max-age=3600",
      },
    },
  );
