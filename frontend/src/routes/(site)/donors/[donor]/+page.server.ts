import type { components } from "#lib/api.d.ts";
import { cardView } from "#lib/cards.ts";
import { orErrorPage, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = async ({ params, locals }) => {
  const donor = await orErrorPage(() =>
    read<components["schemas"]["DonorView"]>(`/api/donors/${encodeURIComponent(params.donor)}`),
  );
  return { donor, cards: donor.overviews_first.map((row) => cardView(row, locals.lengths)) };
};
