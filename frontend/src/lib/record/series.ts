/** The datasets of one organ of one donor: each whole organ with its zooms. Pure. */
import type { components } from "#lib/api.d.ts";
import { cardView, type Card } from "#lib/search/cards.ts";
import type { Lengths } from "#lib/formats.ts";

type GatewayCard = components["schemas"]["Card"];

export interface Series {
  title: string;
  /** The whole organ in which zooms are drawn; null if none is public. */
  overview: GatewayCard | null;
  cards: Card[];
}

/**
 * Returns a series for each side or part, with its whole organs first; datasets of which no side is
 * recorded come last.
 */
export function groupSeries(rows: readonly GatewayCard[], lengths: Lengths): Series[] {
  const groups = new Map<string, GatewayCard[]>();
  for (const row of rows) {
    const side = row.organ_label ?? "";
    groups.set(side, [...(groups.get(side) ?? []), row]);
  }
  return [...groups]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([title, own]) => {
      const sorted = [...own].sort(
        (a, b) => rank(a) - rank(b) || (b.voxel_um ?? 0) - (a.voxel_um ?? 0),
      );
      const wholes = sorted.filter((row) => row.type === "overview");
      const overview = wholes.reduce<GatewayCard | null>(
        (most, row) => (!most || (row.zooms ?? 0) > (most.zooms ?? 0) ? row : most),
        null,
      );
      return {
        title: title || "Organ",
        overview,
        cards: sorted.map((row) => cardView(row, lengths)),
      };
    });
}

function rank(row: GatewayCard): number {
  return row.type === "overview" ? 0 : 1;
}
