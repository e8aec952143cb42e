/** One organ at three scales, for the home page: an overview, a zoom, a finer zoom. */
import type { components } from "#lib/api.d.ts";
import { read } from "#lib/gateway.ts";
import { formatVoxel } from "#lib/formats.ts";

type Schemas = components["schemas"];
type Card = Schemas["Card"];

export interface Rung {
  href: string;
  title: string;
  voxel: string;
  picture: string;
  widthUm: number;
  heightUm: number;
}

/** Returns an overview and its zooms: that with the most zooms. Throws GatewayError. */
export async function findSeries(fetcher: typeof fetch): Promise<Card[]> {
  const found = await read<Schemas["SearchPage"]>(
    fetcher,
    "/api/search?type=overview&q=kidney&per_page=50",
  );
  const best = found.rows.reduce<Card | null>(
    (most, row) => ((row.zooms ?? 0) > (most?.zooms ?? 0) ? row : most),
    null,
  );
  if (!best) return [];
  const record = await read<Schemas["RecordView"]>(
    fetcher,
    `/api/records/${encodeURIComponent(best.pid)}`,
  );
  return [best, ...(record.relations.zooms ?? [])];
}

/** Returns three of them, each clearly finer than the one before; fewer if there are no more. */
export function ladder(series: readonly Card[]): Rung[] {
  const sorted = series
    .filter((card) => card.voxel_um && card.size_um)
    .sort((a, b) => (b.voxel_um ?? 0) - (a.voxel_um ?? 0));
  const chosen: Card[] = [];
  for (const card of sorted) {
    const last = chosen.at(-1);
    if (!last || (card.voxel_um ?? 0) < (last.voxel_um ?? 0) / 1.5) chosen.push(card);
  }
  return chosen.slice(0, 3).map((card) => ({
    href: card.page,
    title: card.title,
    voxel: formatVoxel(card.voxel_um ?? 0),
    picture: `/data/${encodeURIComponent(card.pid)}/slices/y/mid?size=640`,
    widthUm: card.size_um?.[2] ?? 1,
    heightUm: card.size_um?.[0] ?? 1,
  }));
}
