import { redirect } from "@sveltejs/kit";

import type { components } from "#lib/api.d.ts";
import { cardView, type Card } from "#lib/search/cards.ts";
import { loadCitations } from "#lib/record/citations.ts";
import {
  crumbs,
  datasetFacts,
  description,
  fileLists,
  firstOfEachOrgan,
  formatLinks,
  pageSections,
  paperLists,
  previewVoxel,
  pythonCode,
  relatedLists,
  slicesFiller,
  usageView,
  viewHeaders,
} from "#lib/record/dataset.ts";
import { inSentence } from "#lib/formats.ts";
import { orErrorPage, orNothing, read } from "#lib/gateway.ts";
import { levelViews } from "#lib/volume/levels.ts";
import { recordMachine } from "#lib/machine/view.ts";
import { loadPlace } from "#lib/volume/place.ts";
import { organSights, properNames } from "#lib/profile.ts";
import { readPositions, volumeView } from "#lib/volume/volume.ts";

import type { PageServerLoad } from "./$types";

type Schemas = components["schemas"];

const SHOWN = 4; // of datasets that are related from afar

export const load: PageServerLoad = async ({ params, url, locals, request, setHeaders }) => {
  const path = `/api/records/${encodeURIComponent(params.name)}`;
  const view = viewHeaders(request, url);
  const record = await orErrorPage(() => read<Schemas["RecordView"]>(path, view), params.name);
  if (record.level !== "dataset" || record.name !== params.name) redirect(308, record.page);
  setHeaders({ link: record.link_header });
  const pid = encodeURIComponent(record.pid);
  const [volume, overlay, timeline, usage, citations, jsonLd] = await Promise.all([
    orNothing(() => read<Schemas["Volume"]>(`/data/${pid}/volume`)),
    orNothing(() => read<Schemas["Overlay"]>(`/api/records/${pid}/overlay`)),
    orNothing(() => read<Schemas["Timeline"]>(`/api/records/${pid}/timeline`)),
    orNothing(() => read<Schemas["UsageView"]>(`/api/records/${pid}/usage`)),
    loadCitations(record.pid),
    orNothing(() => read<unknown>(`/api/records/${pid}/jsonld`)),
  ]);
  const shown = volume ? volumeView(volume) : null;
  const { lengths } = locals;
  const sights = organSights(locals.profile, record.card?.organ ?? null);
  const card = record.card ? cardView(record.card, lengths) : null;
  const levels = volume ? levelViews(volume, sights, record.card?.voxel_um ?? null, lengths) : [];
  const place = overlay ? await loadPlace(record, overlay, lengths) : null;
  const { overview, zooms, siblings, same_donor: donor, similar } = record.relations;
  const show = (one: Schemas["Card"]): Card => cardView(one, lengths);
  const related = {
    overview: overview ? show(overview) : null,
    zooms: zooms.map(show),
    siblings: siblings.map(show),
    donor: firstOfEachOrgan(donor).slice(0, SHOWN).map(show),
    similar: similar.slice(0, SHOWN).map(show),
  };
  const words = (text: string): string => inSentence(text, properNames(locals.profile));
  const lists = { related: relatedLists(record, related), papers: paperLists(record) };
  return {
    record,
    /** Parts of the title; each stays on one line where there is room. */
    heading: [...record.title.split(", "), ...(card?.voxel ? [card.voxel] : [])],
    subject: [words(record.card?.organ_label ?? "volume"), card?.voxel]
      .filter(Boolean)
      .join(" at "),
    preview: record.availability.state === "ONLINE" ? null : previewVoxel(levels),
    facts: datasetFacts(record, card),
    crumbs: crumbs(record),
    description: description(record, card?.voxel ?? null),
    volume: shown,
    positions: shown ? readPositions(shown, url.searchParams) : null,
    filler: slicesFiller(shown, place),
    levels,
    python: volume ? pythonCode(volume.url, levels) : null,
    place,
    citations,
    machine: recordMachine(record, jsonLd),
    events: timeline?.events ?? [],
    usage: usage ? usageView(usage) : null,
    hasOverview: related.overview !== null,
    ...lists,
    sections: pageSections({ volume: volume !== null, related: lists.related.length > 0 }),
    formats: formatLinks(record),
    fileLists: fileLists(record),
  };
};
