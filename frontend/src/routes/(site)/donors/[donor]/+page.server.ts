import type { components } from "#lib/api.d.ts";
import { cardView } from "#lib/cards.ts";
import { orErrorPage, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = async ({ params, locals }) => {
  const donor = await orErrorPage(() =>
    read<components["schemas"]["DonorView"]>(`/api/donors/${encodeURIComponent(params.donor)}`),
  );
  const { overviews_first: rows, ...facts } = donor;
  const organs = (donor.by_organ ?? []).map(({ value, label }) => ({ value, label }));
  const known = new Set(organs.map((organ) => organ.value));
  const parts = [
    ...organs.map((organ) => ({ ...organ, rows: rows.filter((row) => row.organ === organ.value) })),
    { value: "", label: "Other", rows: rows.filter((row) => !known.has(row.organ ?? "")) },
  ];
  return {
    donor: facts,
    parts: parts
      .filter((part) => part.rows.length)
      .map((part) => ({ ...part, rows: part.rows.map((row) => cardView(row, locals.lengths)) })),
  };
};
