/** Where zooms lie in their overview: loads what the drawing needs. */
import type { components } from "#lib/api.d.ts";
import { orNothing, read } from "#lib/gateway.ts";
import { zoomBoxes, type ZoomBox } from "#lib/volume/overlay.ts";
import { formatVoxel, type Lengths } from "#lib/formats.ts";
import { sliceAddress, volumeView } from "#lib/volume/volume.ts";

type Schemas = components["schemas"];

export interface Place {
  /** Page and title of the overview. */
  href: string;
  title: string;
  picture: string;
  widthUm: number;
  heightUm: number;
  boxes: ZoomBox[];
}

/**
 * Returns the drawing of a zoom in its overview, with the other zooms; or of an overview with its
 * zooms. Null if no place is known, or the overview cannot be shown.
 */
export async function loadPlace(
  record: Schemas["RecordView"],
  overlay: Schemas["Overlay"],
  lengths: Lengths,
): Promise<Place | null> {
  const own = overlay.registrations.find((one) => one.source === record.pid);
  const target = own ? own.target : record.pid;
  const isPlaced = overlay.registrations.some((one) => one.status === "registered");
  if (!target || !isPlaced) return null;
  const overview = own ? record.relations.overview : record.card;
  if (!overview) return null;
  const [volume, all] = await Promise.all([
    orNothing(() => read<Schemas["Volume"]>(`/data/${encodeURIComponent(target)}/volume`)),
    own
      ? orNothing(() =>
          read<Schemas["Overlay"]>(`/api/records/${encodeURIComponent(target)}/overlay`),
        )
      : overlay,
  ]);
  const view = volume ? volumeView(volume) : null;
  const full = overview.size_um ?? null;
  if (!view || !all || !full) return null;
  const [, , widthUm] = full;
  const [heightUm] = full;
  if (!widthUm || !heightUm) return null;
  const cards = new Map(
    [
      ...record.relations.zooms,
      ...record.relations.siblings,
      ...(record.card ? [record.card] : []),
    ].map((card) => [card.pid, card]),
  );
  const label = (pid: string): { href: string; label: string } => {
    const card = cards.get(pid);
    const region = card?.region ? `Zoom ${card.region}` : `Zoom ${pid}`;
    const size = card?.voxel_um ? ` at ${formatVoxel(card.voxel_um, lengths)}` : "";
    return { href: card?.page ?? `/datasets/${encodeURIComponent(pid)}`, label: region + size };
  };
  return {
    href: overview.page,
    title: overview.title,
    picture: sliceAddress(view, "y", Math.floor(view.axes.y.planes / 2)),
    widthUm,
    heightUm,
    boxes: zoomBoxes(
      all,
      { widthUm, heightUm, voxelUm: overview.voxel_um ?? 0 },
      own ? record.pid : null,
      label,
    ),
  };
}
