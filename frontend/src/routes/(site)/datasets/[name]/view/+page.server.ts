import { redirect } from "@sveltejs/kit";

import type { components } from "#lib/api.d.ts";
import { crumbsBelow } from "#lib/record/dataset.ts";
import { orErrorPage, orNothing, read } from "#lib/gateway.ts";
import { inSentence } from "#lib/formats.ts";
import { levelViews } from "#lib/volume/levels.ts";
import { properNames } from "#lib/profile.ts";
import { atOrigin, withoutLayers, withWindow, type ViewerState } from "#lib/viewer/state.ts";
import { greyValues, imageLayers, outlineLayers } from "#lib/viewer/volumes.ts";
import { readPositions, volumeView } from "#lib/volume/volume.ts";
import { taskWords } from "#lib/words/en-tasks.ts";

import type { PageServerLoad } from "./$types";

type Schemas = components["schemas"];

export const load: PageServerLoad = async ({ params, url, locals }) => {
  const path = `/api/records/${encodeURIComponent(params.name)}`;
  const record = await orErrorPage(() => read<Schemas["RecordView"]>(path), params.name);
  if (record.level !== "dataset") redirect(308, record.page);
  if (record.name !== params.name) redirect(308, `${record.page}/view`);
  const pid = encodeURIComponent(record.pid);
  const [volume, viewer] = await Promise.all([
    orNothing(() => read<Schemas["Volume"]>(`/data/${pid}/volume`)),
    orNothing(() => read<Schemas["ViewerState"]>(`${path}/overlay/neuroglancer`)),
  ]);
  const view = volume ? volumeView(volume) : null;
  const { overview, zooms, siblings } = record.relations;
  const cards = [record.card, overview, ...zooms, ...siblings].filter((card) => card != null);
  const greys = volume ? greyValues(volume) : null;
  const whole = (viewer?.state ?? {}) as ViewerState;
  const layers = imageLayers(whole, cards, volume ? record.pid : null, {
    lengths: locals.lengths,
    properNames: properNames(locals.profile),
  });
  const onTape = layers.filter((layer) => !layer.isOnline).map((layer) => layer.name);
  const shown = withoutLayers(atOrigin(whole, ""), onTape);
  const online = volume
    ? levelViews(volume, [], null, locals.lengths).filter((level) => level.isOnline)
    : [];
  return {
    title: record.title,
    name: record.name,
    crumbs: crumbsBelow(record, taskWords.viewer.crumb),
    page: record.page,
    stateHref: `${path}/overlay/neuroglancer.json`,
    organ: inSentence(record.card?.organ_label ?? "volume", properNames(locals.profile)),
    volume: view,
    positions: view ? readPositions(view, url.searchParams) : null,
    /** The finest size that can be shown, where a finer one is on tape. */
    finestOnline:
      volume && online.length < volume.levels.length ? (online.at(-1)?.voxel ?? null) : null,
    hasVolume: layers.length > 0,
    layers,
    outlines: outlineLayers(whole),
    greys,
    state:
      online.length > 0 && layers.length > 0
        ? greys
          ? withWindow(shown, greys.low, greys.high, record.pid)
          : shown
        : null,
  };
};
