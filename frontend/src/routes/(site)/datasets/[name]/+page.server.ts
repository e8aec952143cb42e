import { redirect } from "@sveltejs/kit";

import { organSights } from "#lib/profile.ts";
import type { components } from "#lib/api.d.ts";
import { cardView } from "#lib/cards.ts";
import { loadCitations } from "#lib/citations.ts";
import { orErrorPage, orNothing, read } from "#lib/gateway.ts";
import { levelViews } from "#lib/levels.ts";
import { scriptJson } from "#lib/machine.ts";
import { loadPlace } from "#lib/place.ts";
import { readPositions, volumeView } from "#lib/volume.ts";

import type { PageServerLoad } from "./$types";

type Schemas = components["schemas"];

const SHOWN = 4; // of datasets that are related from afar

export const load: PageServerLoad = async ({ params, url, fetch, locals, setHeaders }) => {
  const path = `/api/records/${encodeURIComponent(params.name)}`;
  const record = await orErrorPage(() => read<Schemas["RecordView"]>(fetch, path));
  if (record.level !== "dataset" || record.name !== params.name) redirect(308, record.page);
  setHeaders({ link: record.link_header });
  const pid = encodeURIComponent(record.pid);
  const [volume, overlay, timeline, citations, jsonLd] = await Promise.all([
    orNothing(() => read<Schemas["Volume"]>(fetch, `/data/${pid}/volume`)),
    orNothing(() => read<Schemas["Overlay"]>(fetch, `/api/records/${pid}/overlay`)),
    orNothing(() => read<Schemas["Timeline"]>(fetch, `/api/records/${pid}/timeline`)),
    loadCitations(fetch, record.pid),
    orNothing(() => read<unknown>(fetch, `/api/records/${pid}/jsonld`)),
  ]);
  const view = volume ? volumeView(volume) : null;
  const sights = organSights(locals.profile, record.card?.organ ?? null);
  return {
    record,
    card: record.card ? cardView(record.card) : null,
    volume: view,
    positions: view ? readPositions(view, url.searchParams) : null,
    levels: volume ? levelViews(volume, sights, record.card?.voxel_um ?? null) : [],
    zarr: volume ? { url: volume.url, version: volume.ome_zarr_version } : null,
    place: overlay ? await loadPlace(fetch, record, overlay) : null,
    citations,
    jsonLd: jsonLd ? scriptJson(jsonLd) : null,
    events: timeline?.events ?? [],
    related: {
      overview: record.relations.overview ? cardView(record.relations.overview) : null,
      zooms: record.relations.zooms.map(cardView),
      siblings: record.relations.siblings.map(cardView),
      donor: record.relations.same_donor.slice(0, SHOWN).map(cardView),
      similar: record.relations.similar.slice(0, SHOWN).map(cardView),
    },
  };
};
