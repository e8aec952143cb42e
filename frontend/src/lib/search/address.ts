/** Addresses of searches: the site's are those of the gateway's /api/search. All pure. */

/** Ends of a range in a form without script: voxel.from and voxel.to become voxel=2..10. */
const END = /^(.+)\.(from|to|scale)$/;
const SITE_PARAMETERS = ["view"];

/**
 * Returns the canonical parameters of a form that has fields for the ends of ranges, or null if
 * there are none and no empty fields, so that the address can stay as it is.
 */
export function joinRanges(given: URLSearchParams): URLSearchParams | null {
  const joined = new URLSearchParams();
  const ends = new Map<string, Ends>();
  let isChanged = false;
  for (const [name, value] of given) {
    const end = END.exec(name);
    if (end?.[1] && end[2]) {
      const range = ends.get(end[1]) ?? { from: "", to: "", scale: "" };
      range[end[2] as keyof Ends] = value.trim().replace(",", ".");
      ends.set(end[1], range);
      isChanged = true;
    } else if (value.trim() === "") {
      isChanged = true;
    } else {
      joined.append(name, value);
    }
  }
  for (const [name, { from, to, scale }] of ends) {
    if (from || to) joined.append(name, `${scaled(from, scale)}..${scaled(to, scale)}`);
  }
  return isChanged ? joined : null;
}

interface Ends {
  from: string;
  to: string;
  /** What ends are multiplied by: they are shown in another unit. */
  scale: string;
}

/** Returns a number in the unit of its field; what is no number stays, and the gateway says so. */
function scaled(text: string, scale: string): string {
  const value = Number(text) * Number(scale || 1);
  if (text === "" || scale === "" || !Number.isFinite(value)) return text;
  return String(Number(value.toPrecision(8)));
}

/** Returns the parameters without one value of one parameter, on the first page. */
export function withoutValue(given: URLSearchParams, name: string, value: string): URLSearchParams {
  const left = new URLSearchParams();
  for (const [key, content] of given) {
    if (key !== "page" && !(key === name && content === value)) left.append(key, content);
  }
  return left;
}

/** Returns the parameters with one of them set to a value; null removes it. */
export function withValue(
  given: URLSearchParams,
  name: string,
  value: string | null,
): URLSearchParams {
  const changed = new URLSearchParams(given);
  changed.delete(name);
  if (name !== "page") changed.delete("page");
  if (value !== null) changed.append(name, value);
  return changed;
}

/** Returns what the gateway gets: everything but what is the site's own. */
export function gatewayQuery(given: URLSearchParams): string {
  const query = new URLSearchParams(given);
  for (const name of SITE_PARAMETERS) query.delete(name);
  return query.toString();
}

/** Returns the address of a search. */
export function searchAddress(parameters: URLSearchParams | string): string {
  const query = parameters.toString();
  return query ? `/search?${query}` : "/search";
}
