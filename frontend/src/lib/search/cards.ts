/** What a list shows of a dataset. Made on the server from the gateway's answers. */
import type { components } from "#lib/api.d.ts";
import {
  formatBytes,
  formatExactBytes,
  formatExtent,
  formatNumberOf,
  formatVoxel,
  isoDate,
  type Lengths,
} from "#lib/formats.ts";

type GatewayCard = components["schemas"]["Card"];

export interface Card {
  href: string;
  /** Parts of the title; each stays on one line where there is room. */
  title: string[];
  note: string[];
  thumbnail: string | null;
  voxel: string | null;
  extent: string | null;
  bytes: { short: string; exact: string } | null;
  date: string | null;
  availability: string;
}

/** Returns what a list shows. Sizes are those of the whole volume where the record says them. */
export function cardView(card: GatewayCard, lengths: Lengths): Card {
  const bytes = card.full_bytes ?? card.bytes ?? null;
  const note = [
    card.zooms ? `${formatNumberOf(card.zooms, "zoom")} inside.` : null,
    card.overview ? "Place in the organ known." : null,
    `Scanned ${isoDate(card.date)}.`,
  ];
  return {
    href: card.page,
    title: card.title.split(", "),
    note: note.filter((part) => part !== null),
    thumbnail: card.thumbnail,
    voxel: card.voxel_um ? formatVoxel(card.voxel_um, lengths) : null,
    extent: card.size_um ? formatExtent(card.size_um, lengths) : null,
    bytes: bytes === null ? null : { short: formatBytes(bytes), exact: formatExactBytes(bytes) },
    date: `Scanned ${isoDate(card.date)}`,
    availability: card.availability ?? "UNKNOWN",
  };
}
