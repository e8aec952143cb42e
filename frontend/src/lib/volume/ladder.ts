/** One organ at three scales, for the home page: an overview, a zoom in it, a finer zoom in that. */
import type { components } from "#lib/api.d.ts";
import { orNothing, read } from "#lib/gateway.ts";
import { formatVoxel, type Lengths } from "#lib/formats.ts";
import type { ZoomBox } from "#lib/volume/overlay.ts";
import { loadPlace } from "#lib/volume/place.ts";
import { frames, type Ladder, type Step } from "#lib/volume/stage.ts";

type Schemas = components["schemas"];
type Card = Schemas["Card"];

/** Returns the ladder of the kidney with the most zooms; null if no zoom of it has a place. */
export async function loadLadder(lengths: Lengths): Promise<Ladder | null> {
  const found = await read<Schemas["SearchPage"]>("/api/search?type=overview&q=kidney&per_page=50");
  const best = found.rows.reduce<Card | null>(
    (most, row) => ((row.zooms ?? 0) > (most?.zooms ?? 0) ? row : most),
    null,
  );
  if (!best) return null;
  const path = `/api/records/${encodeURIComponent(best.pid)}`;
  const [record, overlay] = await Promise.all([
    read<Schemas["RecordView"]>(path),
    orNothing(() => read<Schemas["Overlay"]>(`${path}/overlay`)),
  ]);
  const place = overlay ? await loadPlace(record, overlay, lengths) : null;
  if (!place) return null;
  const cards = new Map(record.relations.zooms.map((card) => [card.pid, card]));
  const zooms = place.boxes.flatMap((box) => {
    const card = cards.get(box.pid);
    return card?.voxel_um && card.size_um
      ? [{ box, card, step: zoomStep(card, box, lengths) }]
      : [];
  });
  const pair = nested(zooms.map((one) => one.step));
  if (!pair) return null;
  const whole: Step = {
    href: best.page,
    title: best.title,
    voxel: formatVoxel(best.voxel_um ?? 0, lengths),
    voxelUm: best.voxel_um ?? 0,
    picture: place.picture,
    x: 0,
    y: 0,
    width: place.widthUm / 1000,
    height: place.heightUm / 1000,
  };
  return frames([whole, ...pair]);
}

function zoomStep(card: Card, box: ZoomBox, lengths: Lengths): Step {
  return {
    href: card.page,
    title: card.title,
    voxel: formatVoxel(card.voxel_um ?? 0, lengths),
    voxelUm: card.voxel_um ?? 0,
    picture: `/data/${encodeURIComponent(card.pid)}/slices/y/mid?size=640`,
    x: box.x,
    y: box.y,
    width: box.width,
    height: box.height,
  };
}

/**
 * Returns a zoom and a finer one whose middle lies in it, as high in the organ as there is one: the
 * caption stands below. The coarsest zoom alone if there is no such pair.
 */
function nested(steps: readonly Step[]): Step[] | null {
  const pairs = steps.flatMap((outer) =>
    steps
      .filter((one) => one.voxelUm < outer.voxelUm / 1.5 && holdsMiddle(outer, one))
      .map((inner) => [outer, inner]),
  );
  const middle = (pair: Step[]): number => (pair[0]?.y ?? 0) + (pair[0]?.height ?? 0) / 2;
  const [highest] = pairs.sort((a, b) => middle(a) - middle(b));
  if (highest) return highest;
  const coarsest = [...steps].sort((a, b) => b.voxelUm - a.voxelUm)[0];
  return coarsest ? [coarsest] : null;
}

function holdsMiddle(outer: Step, one: Step): boolean {
  const [x, y] = [one.x + one.width / 2 - outer.x, one.y + one.height / 2 - outer.y];
  return x > 0 && x < outer.width && y > 0 && y < outer.height;
}
