import type { components } from "#lib/api.d.ts";
import { cardView } from "#lib/search/cards.ts";
import { describeCollection } from "#lib/machine/collections.ts";
import { formatNumberOf } from "#lib/formats.ts";
import { orErrorPage, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = async ({ params, locals, url, setHeaders }) => {
  const donor = await orErrorPage(() =>
    read<components["schemas"]["DonorView"]>(`/api/donors/${encodeURIComponent(params.donor)}`),
  );
  const { overviews_first: rows, ...facts } = donor;
  const machine = describeCollection(
    {
      kind: "Collection",
      path: `/donors/${encodeURIComponent(donor.donor)}`,
      name: `Donor ${donor.donor}: ${locals.profile.title}`,
      description: `${formatNumberOf(donor.datasets, "open X-ray volume")} of ${formatNumberOf(donor.organs, "organ")} of donor ${donor.donor}.`,
      licence: locals.profile.licence ?? null,
      cards: rows,
      keywords: (donor.by_organ ?? []).map((organ) => organ.label),
    },
    url.origin,
  );
  setHeaders({ link: machine.header });
  const organs = (donor.by_organ ?? []).map(({ value, label }) => ({ value, label }));
  const known = new Set(organs.map((organ) => organ.value));
  const parts = [
    ...organs.map((organ) => ({ ...organ, rows: rows.filter((row) => row.organ === organ.value) })),
    { value: "", label: "Other", rows: rows.filter((row) => !known.has(row.organ ?? "")) },
  ];
  return {
    machine: machine.view,
    donor: facts,
    parts: parts
      .filter((part) => part.rows.length)
      .map((part) => ({ ...part, rows: part.rows.map((row) => cardView(row, locals.lengths)) })),
  };
};
