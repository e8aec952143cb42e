/** Content negotiation of record pages (RFC 9110, section 12.5.1). Pure. */

interface Range {
  type: string;
  subtype: string;
  /** Of JSON-LD (RFC 6906), in lower case; formats that share a media type differ by it. */
  profile: string | null;
  quality: number;
}

const PAGE = "text/html";
const OTHER_PROFILE = 0.999; // factor of the quality: an exact profile comes first

/** Returns the media ranges of an Accept header; broken ones are left out. */
function ranges(accept: string): Range[] {
  return accept.split(",").flatMap((part) => {
    const [range = "", ...parameters] = part.split(";").map((piece) => piece.trim().toLowerCase());
    const [type, subtype] = range.split("/");
    if (!type || !subtype) return [];
    const given = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1";
    const quality = Number(given);
    const profile = profileOf(parameters);
    return Number.isNaN(quality)
      ? []
      : [{ type, subtype, profile, quality: Math.min(1, Math.max(0, quality)) }];
  });
}

function profileOf(parameters: readonly string[]): string | null {
  const found = parameters.find((parameter) => parameter.startsWith("profile="));
  return found ? found.slice("profile=".length).replace(/^"|"$/g, "") : null;
}

/** Returns the quality of a media type: that of the most specific range that names it. */
function qualityOf(offer: string, accepted: readonly Range[]): number {
  const [media = "", ...parameters] = offer.toLowerCase().split(";");
  const profile = profileOf(parameters);
  const [type, subtype] = media.split("/");
  const fits = (range: Range): number => {
    if (range.type === type && range.subtype === subtype) {
      // Versions of a profile begin with its address.
      if (profile && range.profile?.startsWith(profile)) return 4;
      return 3;
    }
    if (range.type === type && range.subtype === "*") return 2;
    return range.type === "*" && range.subtype === "*" ? 1 : 0;
  };
  let best = { rank: 0, quality: 0 };
  for (const range of accepted) {
    const rank = fits(range);
    const isOther = rank === 3 && range.profile !== null;
    if (rank > best.rank) best = { rank, quality: range.quality * (isOther ? OTHER_PROFILE : 1) };
  }
  return best.quality;
}

/** Returns whether the page is what is accepted best, whatever else is offered. */
export function prefersPage(accept: string | null): boolean {
  if (!accept) return true;
  const accepted = ranges(accept);
  const page = qualityOf(PAGE, accepted);
  return page > 0 && accepted.every((range) => range.quality <= page);
}

/**
 * Returns the media type to answer with: the one with the highest quality; among equal ones the
 * page, then the order of `offered`. Null if none is acceptable. Without a header it is the page.
 * What is offered may have a profile: `application/ld+json;profile="https://w3id.org/ro/crate"`.
 */
export function negotiate(accept: string | null, offered: readonly string[]): string | null {
  if (!accept) return PAGE;
  const accepted = ranges(accept);
  let best: { media: string | null; quality: number } = { media: null, quality: 0 };
  for (const media of [PAGE, ...offered]) {
    const quality = qualityOf(media, accepted);
    if (quality > best.quality) best = { media, quality };
  }
  return best.media;
}
