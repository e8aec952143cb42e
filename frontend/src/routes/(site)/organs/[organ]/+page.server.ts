import { error } from "@sveltejs/kit";

import type { components } from "#lib/api.d.ts";
import { cardView } from "#lib/cards.ts";
import { orErrorPage, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

type Schemas = components["schemas"];

const ALL = 100;

export const load: PageServerLoad = async ({ params, locals }) => {
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
  const donorFacet = donors.facets.find((facet) => facet.parameter === "donor");
  return {
    organ,
    search: query.toString(),
    overviews: overviews.rows.map((row) => cardView(row, locals.lengths)),
    donors: (donorFacet?.values ?? []).filter((value) => value.count > 0),
    moreDonors: donorFacet?.more_values ?? 0,
  };
};
