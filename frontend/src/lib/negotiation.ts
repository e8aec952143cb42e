/** Content negotiation of record pages (RFC 9110, section 12.5.1). Pure. */

interface Range {
  type: string;
  subtype: string;
  quality: number;
}

/** Returns the media ranges of an Accept header; broken ones are left out. */
function ranges(accept: string): Range[] {
  return accept.split(",").flatMap((part) => {
    const [range = "", ...parameters] = part.split(";").map((piece) => piece.trim().toLowerCase());
    const [type, subtype] = range.split("/");
    if (!type || !subtype) return [];
    const given = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1";
    const quality = Number(given);
    return Number.isNaN(quality)
      ? []
      : [{ type, subtype, quality: Math.min(1, Math.max(0, quality)) }];
  });
}

/** Returns the quality of a media type: that of the most specific range that names it. */
function qualityOf(media: string, accepted: readonly Range[]): number {
  const [type, subtype] = media.split("/");
  const fits = (range: Range): number => {
    if (range.type === type && range.subtype === subtype) return 3;
    if (range.type === type && range.subtype === "*") return 2;
    return range.type === "*" && range.subtype === "*" ? 1 : 0;
  };
  let best = { rank: 0, quality: 0 };
  for (const range of accepted) {
    const rank = fits(range);
    if (rank > best.rank) best = { rank, quality: range.quality };
  }
  return best.quality;
}

/**
 * Returns the media type to answer with: the one with the highest quality; among equal ones the
 * page, then the order of `offered`. Null if none is acceptable. Without a header it is the page.
 */
export function negotiate(accept: string | null, offered: readonly string[]): string | null {
  const page = "text/html";
  if (!accept) return page;
  const accepted = ranges(accept);
  let best: { media: string | null; quality: number } = { media: null, quality: 0 };
  for (const media of [page, ...offered]) {
    const quality = qualityOf(media, accepted);
    if (quality > best.quality) best = { media, quality };
  }
  return best.media;
}
