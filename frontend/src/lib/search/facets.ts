/** What the filters show of a facet. Made on the server, so that pages carry no more. Pure. */
import type { components } from "#lib/api.d.ts";
import { formatCount, type Lengths } from "#lib/formats.ts";

type GatewayFacet = components["schemas"]["FacetView"];

const OPEN_FACETS = 6;
const SHOWN_VALUES = 8;
const MISSING = "~missing";
const UNIT_SCALES: Record<string, number> = { "µm in mm": 1000, "mm in um": 0.001 };

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
  /** Units of the gateway in one unit that is shown; forms send it with the ends. */
  scale: number;
  min: number;
  max: number;
  low: number | null;
  high: number | null;
  /** Ends of the bars of the histogram, one more than there are bars. */
  edges: number[];
  counts: number[];
}

/** Returns the facets that have a choice to make, or a choice made. */
export function facetViews(
  facets: readonly GatewayFacet[],
  lengths: Lengths,
): (ChoiceFacet | RangeFacet)[] {
  return facets
    .map((facet) => inUnit(facet, lengths))
    .filter((facet) => hasChoice(facet) || isUsed(facet))
    .map((facet, place) => (facet.kind === "choice" ? choice(facet, place) : range(facet, place)));
}

type Chip = components["schemas"]["Chip"];

/** Returns the chips of chosen values, with ranges in the units of their facets. */
export function chipViews(
  chips: readonly Chip[],
  facets: readonly (ChoiceFacet | RangeFacet)[],
): Chip[] {
  const texts = new Map(
    facets.map((facet) => [
      facet.parameter,
      facet.kind === "range" && facet.scale !== 1 ? facet.chosen : "",
    ]),
  );
  return chips.map((chip) => ({
    ...chip,
    value_label: (chip.value !== MISSING && texts.get(chip.parameter)) || chip.value_label,
  }));
}

type ScaledFacet = GatewayFacet & { scale: number };

/** Returns a facet of lengths in the unit that the reader chose. */
function inUnit(facet: GatewayFacet, lengths: Lengths): ScaledFacet {
  const scale = UNIT_SCALES[`${facet.unit} in ${lengths}`];
  if (!scale) return { ...facet, scale: 1 };
  const change = <T extends number | null | undefined>(value: T): T =>
    (typeof value === "number" ? Number((value / scale).toPrecision(8)) : value) as T;
  return {
    ...facet,
    unit: lengths === "mm" ? "mm" : "µm",
    min: change(facet.min),
    max: change(facet.max),
    buckets: facet.buckets.map((one) => ({
      ...one,
      start: change(one.start),
      end: change(one.end),
    })),
    selected: facet.selected.map((one) => ({
      ...one,
      low: change(one.low),
      high: change(one.high),
    })),
    scale,
  };
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

function range(facet: ScaledFacet, place: number): RangeFacet {
  const most = Math.max(1, facet.missing.count, ...facet.buckets.map((bucket) => bucket.count));
  const { low, high } = facet.selected[0] ?? {};
  return {
    ...shared(facet, place, most),
    kind: "range",
    unit: facet.unit ?? null,
    scale: facet.scale,
    min: facet.min ?? 0,
    max: facet.max ?? 1,
    low: low ?? null,
    high: high ?? null,
    edges: edges(facet.buckets),
    counts: facet.buckets.map((bucket) => bucket.count),
  };
}

/** Returns where buckets begin, and where the last one ends. */
function edges(buckets: GatewayFacet["buckets"]): number[] {
  const last = buckets.at(-1);
  return last ? [...buckets.map((bucket) => bucket.start), last.end] : [];
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
