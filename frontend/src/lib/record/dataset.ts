/** Sentences and lists of a dataset's page. Made on the server. Pure. */
import type { components } from "#lib/api.d.ts";
import type { Card } from "#lib/search/cards.ts";
import { formatNumberOf, formatVersion, isoDate } from "#lib/formats.ts";
import type { LevelView } from "#lib/volume/levels.ts";
import { AXES, fillerClass, SIDES, type VolumeView } from "#lib/volume/volume.ts";

type Record = components["schemas"]["RecordView"];

export interface Link {
  href: string;
  label: string;
}

const capital = (text: string): string => (text[0]?.toUpperCase() ?? "") + text.slice(1);
const organPage = (organ: string): string => `/organs/${encodeURIComponent(organ)}`;
const donorPage = (donor: string): string => `/donors/${encodeURIComponent(donor)}`;

/** Returns where the page lies: organ, donor, and what it is of them. */
export function crumbs(record: Record): { href?: string; label: string }[] {
  const card = record.card;
  const found: { href?: string; label: string }[] = [];
  if (card?.organ) {
    const label = card.organ_label?.replace(/^(Left|Right) /, "") ?? card.organ;
    found.push({ href: organPage(card.organ), label: capital(label) });
  }
  if (card?.donor) found.push({ href: donorPage(card.donor), label: card.donor });
  const label = [card?.type_label, card?.region].filter(Boolean).join(" ");
  return [...found, { label: card?.type_label ? label : record.name }];
}

/** Returns where a page about the dataset lies: below that of the dataset. */
export function crumbsBelow(record: Record, label: string): { href?: string; label: string }[] {
  return [
    ...crumbs(record).map((crumb) => (crumb.href ? crumb : { ...crumb, href: record.page })),
    { label },
  ];
}

export interface Fact {
  term: string;
  text: string;
  href?: string;
  /** The same number, exactly. */
  exact?: string;
}

/** Returns what the page says first of the dataset: those that are known. */
export function datasetFacts(record: Record, shown: Card | null): Fact[] {
  const card = record.card;
  const known: (Fact | null)[] = [
    shown?.voxel ? { term: "voxel size", text: shown.voxel } : null,
    shown?.extent ? { term: "extent", text: shown.extent } : null,
    shown?.bytes
      ? { term: "full size, uncompressed", text: shown.bytes.short, exact: shown.bytes.exact }
      : null,
    card?.date ? { term: "scanned", text: isoDate(card.date) } : null,
    optional("beamline", fieldLabel(record, "instrument")),
    card?.donor ? { term: "donor", text: card.donor, href: donorPage(card.donor) } : null,
    { term: "version of the files", text: `${record.edition}, as cited` },
    {
      term: "version of the metadata",
      text: formatVersion(record.version, record.updated),
      href: `#version-${record.version}`,
    },
  ];
  return known.filter((fact) => fact !== null);
}

const optional = (term: string, text: string | null): Fact | null => (text ? { term, text } : null);

/** Returns the sections of the page, by their names in the address. */
export function pageSections(has: { volume: boolean; related: boolean }): [string, string][] {
  return [
    ...(has.volume ? [["look", "Look"] as [string, string]] : []),
    ["take", "Download"],
    ["data", "What is known"],
    ["cite", "Cite"],
    ...(has.related ? [["related", "Related"] as [string, string]] : []),
    ["code", "Use in code"],
    ["history", "History"],
    ["formats", "Formats"],
  ];
}

export interface RelatedCards {
  overview: Card | null;
  zooms: Card[];
  siblings: Card[];
  donor: Card[];
  similar: Card[];
}

/** Returns one dataset of each organ and side, in their order: the first. */
export function firstOfEachOrgan<T extends { organ_label?: string | null }>(
  cards: readonly T[],
): T[] {
  const found = new Map<string, T>();
  for (const card of cards) {
    const organ = card.organ_label ?? "";
    if (!found.has(organ)) found.set(organ, card);
  }
  return [...found.values()];
}

/** Returns the lists of related datasets that have rows. */
export function relatedLists(
  record: Record,
  related: RelatedCards,
): { title: string; cards: Card[]; all?: Link }[] {
  const { donor, organ } = record.card ?? {};
  return [
    {
      title: "The whole organ that this zoom lies in",
      cards: related.overview ? [related.overview] : [],
    },
    { title: "Zooms into this organ", cards: related.zooms },
    { title: "Other zooms of the same organ", cards: related.siblings },
    {
      title: "Other organs of the same donor",
      cards: related.donor,
      ...(donor ? { all: { href: donorPage(donor), label: "All of this donor" } } : {}),
    },
    {
      title: "The same organ of other donors",
      cards: related.similar,
      ...(organ ? { all: { href: organPage(organ), label: "All of this organ" } } : {}),
    },
  ].filter((list) => list.cards.length > 0);
}

/** Returns lines of Python that open the finest size that is online. */
export function pythonCode(address: string, levels: readonly LevelView[]): string {
  const online = levels.filter((level) => level.isOnline).at(-1);
  const number = online?.level ?? levels.at(-1)?.level ?? 0;
  const note = online ? `  # ${online.voxel}, ${online.bytes.short}`.replaceAll("\u00a0", " ") : "";
  return `import zarr

volume = zarr.open("${address}", mode="r")
level = volume["${number}"]${note}
print(level.shape)  # z, y, x`;
}

/** Returns what search engines show below the title. */
export function description(record: Record, voxel: string | null): string {
  const size = voxel ? `, ${voxel}` : "";
  const plain = `${record.title}${size}. Open X-ray volume, free to view, download and cite.`;
  return (record.summary ?? plain).slice(0, 300);
}

/** Returns the class of the element that fills the row of slices; null without a volume. */
export function slicesFiller(
  view: VolumeView | null,
  place: { widthUm: number; heightUm: number } | null,
): string | null {
  if (!view) return null;
  const own = AXES.map(
    (axis) => view.axes[SIDES[axis].columns].um / view.axes[SIDES[axis].rows].um,
  );
  return fillerClass(place ? [place.widthUm / place.heightUm, ...own] : own);
}

/** Returns the finest voxel size that is online, where a finer one is not; else null. */
export function previewVoxel(levels: readonly LevelView[]): string | null {
  const online = levels.filter((level) => level.isOnline).at(-1);
  return online && online !== levels.at(-1) ? online.voxel : null;
}

/** Returns how the value of a field is written; null if the record lacks it. */
export function fieldLabel(record: Record, field: string): string | null {
  const fields = record.groups.flatMap((group) => group.fields);
  return fields.find((one) => one.field === field)?.value_label ?? null;
}

/** Returns the lists of papers that have items. */
export function paperLists(
  record: Record,
): { title: string; items: Record["relations"]["papers"] }[] {
  return [
    { title: "Papers on these data", items: record.relations.papers },
    { title: "Cited by", items: record.relations.cited_by },
  ].filter((list) => list.items.length > 0);
}

interface FormatLink extends Link {
  type?: string;
}

/** Returns links to the record in all formats, and to lists of its files. */
export function formatLinks(record: Record): FormatLink[] {
  return [
    ...record.formats.map(({ href, label, media_type: type }) => ({ href, label, type })),
    ...fileLists(record).filter(({ label }) => label !== "JSON"),
  ];
}

/** Returns links to the lists of all files for programs. */
export function fileLists(record: Record): FormatLink[] {
  const { metalink, checksums } = record.downloads;
  const json = record.files?.pages_url;
  return [
    ...(json ? [{ href: json, label: "JSON", type: "application/json" }] : []),
    ...(metalink ? [{ href: metalink, label: "Metalink" }] : []),
    ...(checksums ? [{ href: checksums, label: "SHA256SUMS" }] : []),
  ];
}

/**
 * Returns the headers that let the gateway count a view, once for a reader who loads the page again
 * at once: the proxy in front says who it is. The page with a position of its slices is
 * not counted: readers who move them would count often.
 */
export function viewHeaders(request: Request, url: URL): globalThis.Record<string, string> {
  if (request.method !== "GET" || url.search) return {};
  return {
    "portal-view": "page",
    "portal-reader": request.headers.get("x-forwarded-for") ?? "",
    "user-agent": request.headers.get("user-agent") ?? "",
  };
}

/** Returns how often a dataset was seen and downloaded, and what that means. */
export function usageView(usage: components["schemas"]["UsageView"]): {
  text: string;
  notes: string[];
} {
  const { views, downloads, since } = usage;
  const times = (count: number): string => formatNumberOf(count, "time");
  const start = since ? ` since ${since}` : "";
  return {
    text: `Seen ${times(views)} and downloaded ${times(downloads)}${start}.`,
    notes: [`Seen: ${usage.views_counted}`, `Downloaded: ${usage.downloads_counted}`],
  };
}
