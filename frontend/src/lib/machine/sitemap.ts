/** The list of all pages for robots (sitemaps.org 0.9), in files with an index. Pure. */
import type { components } from "#lib/api.d.ts";

type Entry = components["schemas"]["SitemapEntry"];

const NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9";
const OWN = ["/", "/search", "/organs", "/donors", "/about"];

const escape = (text: string): string =>
  text.replace(/[<>&'"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Returns the file of a part; the first one has the pages of the site itself, too. */
export function sitemapFile(
  origin: string,
  entries: readonly Entry[],
  { isFirst }: { isFirst: boolean },
): string {
  const pages = [...(isFirst ? OWN.map((page): Entry => ({ page })) : []), ...entries];
  const urls = pages.map(({ page, changed }) => {
    const day = changed ? `<lastmod>${escape(changed.slice(0, 10))}</lastmod>` : "";
    return `<url><loc>${escape(origin + page)}</loc>${day}</url>`;
  });
  return document("urlset", urls);
}

/** Returns the index of the files of all parts; `parts` are the values with which they begin. */
export function sitemapIndex(origin: string, parts: readonly string[]): string {
  const files = parts.map((after) => {
    const address = `${origin}/sitemap.xml?after=${encodeURIComponent(after)}`;
    return `<sitemap><loc>${escape(address)}</loc></sitemap>`;
  });
  return document("sitemapindex", files);
}

function document(root: string, lines: readonly string[]): string {
  const head = '<?xml version="1.0" encoding="UTF-8"?>';
  return `${head}\n<${root} xmlns="${NAMESPACE}">\n${lines.join("\n")}\n</${root}>\n`;
}
