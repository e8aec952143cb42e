import type { components } from "#lib/api.d.ts";
import { cardView } from "#lib/search/cards.ts";
import { describeCollection } from "#lib/machine/collections.ts";
import { orErrorPage, orNothing, read } from "#lib/gateway.ts";
import { loadLadder } from "#lib/volume/ladder.ts";
import { loadPictures } from "#lib/volume/pictures.ts";

import type { PageServerLoad } from "./$types";

type Schemas = components["schemas"];

export const load: PageServerLoad = async ({ locals, url, setHeaders }) => {
  const { profile, lengths } = locals;
  const [totals, organs, pictures, ladder] = await Promise.all([
    orErrorPage(() => read<Schemas["Totals"]>("/api/totals")),
    orNothing(() => read<Schemas["OrganList"]>("/api/organs")),
    orNothing(() => loadPictures()),
    orNothing(() => loadLadder(lengths)),
  ]);
  const machine = describeCollection(
    {
      kind: "DataCatalog",
      path: "/",
      name: profile.title,
      description: profile.tagline,
      licence: profile.licence ?? null,
      cards: totals.newest,
    },
    url.origin,
  );
  setHeaders({ link: machine.header });
  const widths = new Map(profile.organs.map((organ) => [organ.value, organ.width_mm]));
  return {
    machine: machine.view,
    texts: profile.texts,
    tagline: profile.tagline,
    licence: profile.licence ?? null,
    totals: {
      datasets: totals.datasets,
      overviews: totals.overviews,
      zooms: totals.zooms,
      donors: totals.donors,
      organs: totals.organs,
      bytes: totals.full_bytes || totals.bytes,
      voxels: totals.voxels ?? null,
    },
    newest: totals.newest.slice(0, 4).map((card) => cardView(card, lengths)),
    ladder,
    organs: (organs?.organs ?? []).map((organ) => ({
      value: organ.value,
      label: organ.label,
      datasets: organ.datasets,
      donors: organ.donors,
      isDrawn: Boolean(widths.get(organ.value) && pictures?.has(organ.value)),
      picture: pictures?.get(organ.value)?.front ?? null,
    })),
  };
};
