import { error } from "@sveltejs/kit";

import type { components } from "#lib/api.d.ts";
import { cardView } from "#lib/search/cards.ts";
import { describeCollection } from "#lib/machine/collections.ts";
import { formatNumberOf } from "#lib/formats.ts";
import { orErrorPage, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

type Schemas = components["schemas"];

const ALL = 100;

export const load: PageServerLoad = async ({ params, locals, url, setHeaders }) => {
  const field = locals.profile.fields.find((one) => one.name === locals.profile.organ_field);
  const parameter = field?.parameter ?? "organ";
  const query = new URLSearchParams([[parameter, params.organ]]);
  const [organs, overviews, donors] = await Promise.all([
    orErrorPage(() => read<Schemas["OrganList"]>("/api/organs")),
    orErrorPage(() =>
      read<Schemas["SearchPage"]>(`/api/search?${query}&type=overview&sort=name&per_page=${ALL}`),
    ),
    orErrorPage(() => read<Schemas["SearchPage"]>(`/api/search?${query}&per_page=1`)),
  ]);
  const organ = organs.organs.find((one) => one.value === params.organ);
  if (!organ) error(404, "There is no such organ with open data.");
  const machine = describeCollection(
    {
      kind: "Collection",
      path: `/organs/${encodeURIComponent(organ.value)}`,
      name: `${organ.label}: ${locals.profile.title}`,
      description: `${formatNumberOf(organ.datasets, "open X-ray volume")} from ${formatNumberOf(organ.donors, "donor")}: whole organs and zooms into them.`,
      licence: locals.profile.licence ?? null,
      cards: overviews.rows,
      keywords: [organ.label],
    },
    url.origin,
  );
  setHeaders({ link: machine.header });
  const donorFacet = donors.facets.find((facet) => facet.parameter === "donor");
  return {
    machine: machine.view,
    organ,
    search: query.toString(),
    overviews: overviews.rows.map((row) => cardView(row, locals.lengths)),
    donors: (donorFacet?.values ?? []).filter((value) => value.count > 0),
    moreDonors: donorFacet?.more_values ?? 0,
  };
};
