/** What the filters show of a facet. Made on the server, so that pages carry no more. Pure. */
import type { components } from "#lib/api.d.ts";
import { formatCount } from "#lib/formats.ts";

type GatewayFacet = components["schemas"]["FacetView"];

const OPEN_FACETS = 6;
const SHOWN_VALUES = 8;

export interface Option {
  value: string;
  label: string;
  count: string;
  /** Length of the bar, in hundredths of the longest; absent for zero. */
  share?: string;
  chosen?: true;
}

interface Shared {
  field: string;
  parameter: string;
  label: string;
  isOpen: boolean;
  /** What is chosen, beside the label. */
  chosen: string;
  missing: Option | null;
}

export interface ChoiceFacet extends Shared {
  kind: "choice";
  values: Option[];
  /** Values behind "more"; chosen ones are never among them. */
  more: Option[];
}

export interface RangeFacet extends Shared {
  kind: "range";
  unit: string | null;
  min: number;
  max: number;
  low: number | null;
  high: number | null;
  buckets: { start: number; end: number; count: number }[];
}

/** Returns the facets that have a choice to make, or a choice made. */
export function facetViews(facets: readonly GatewayFacet[]): (ChoiceFacet | RangeFacet)[] {
  return facets
    .filter((facet) => hasChoice(facet) || isUsed(facet))
    .map((facet, place) => (facet.kind === "choice" ? choice(facet, place) : range(facet, place)));
}

function hasChoice(facet: GatewayFacet): boolean {
  return facet.kind === "choice" ? facet.values.length > 0 : facet.buckets.length > 0;
}

function isUsed(facet: GatewayFacet): boolean {
  return (
    facet.missing.selected || facet.selected.length > 0 || facet.values.some((v) => v.selected)
  );
}

function shared(facet: GatewayFacet, place: number, most: number): Shared {
  const { count, selected, value } = facet.missing;
  return {
    field: facet.field,
    parameter: facet.parameter,
    label: facet.label,
    isOpen: place < OPEN_FACETS || isUsed(facet),
    chosen: chosenText(facet),
    missing: count || selected ? option(value, "not recorded", count, selected, most) : null,
  };
}

function choice(facet: GatewayFacet, place: number): ChoiceFacet {
  const most = Math.max(1, facet.missing.count, ...facet.values.map((v) => v.count));
  const values: Option[] = [];
  const more: Option[] = [];
  for (const [index, one] of facet.values.entries()) {
    const list = index < SHOWN_VALUES || one.selected ? values : more;
    list.push(option(one.value, one.label, one.count, one.selected, most));
  }
  return { ...shared(facet, place, most), kind: "choice", values, more };
}

function option(
  value: string,
  label: string,
  count: number,
  isChosen: boolean,
  most: number,
): Option {
  const found: Option = { value, label, count: formatCount(count) };
  if (count) found.share = ((100 * count) / most).toFixed(1);
  if (isChosen) found.chosen = true;
  return found;
}

function range(facet: GatewayFacet, place: number): RangeFacet {
  const most = Math.max(1, facet.missing.count, ...facet.buckets.map((bucket) => bucket.count));
  const { low, high } = facet.selected[0] ?? {};
  return {
    ...shared(facet, place, most),
    kind: "range",
    unit: facet.unit ?? null,
    min: facet.min ?? 0,
    max: facet.max ?? 1,
    low: low ?? null,
    high: high ?? null,
    buckets: facet.buckets,
  };
}

function chosenText(facet: GatewayFacet): string {
  const { low, high } = facet.selected[0] ?? {};
  if (facet.selected.length) {
    const unit = facet.unit ? ` ${facet.unit}` : "";
    if (low == null) return `up to ${high}${unit}`;
    if (high == null) return `from ${low}${unit}`;
    return `${low} to ${high}${unit}`;
  }
  const count = facet.values.filter((v) => v.selected).length + (facet.missing.selected ? 1 : 0);
  return count ? `${count} chosen` : "";
}
