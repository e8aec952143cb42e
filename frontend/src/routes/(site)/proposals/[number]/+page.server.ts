import type { components } from "#lib/api.d.ts";
import { orErrorPage, read } from "#lib/gateway.ts";
import { newestOf } from "#lib/search/newest.ts";

import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = async ({ params, locals }) => {
  const proposal = await orErrorPage(() =>
    read<components["schemas"]["ProposalView"]>(
      `/api/proposals/${encodeURIComponent(params.number)}`,
    ),
  );
  return { proposal, newest: await newestOf(proposal.search, locals.lengths) };
};
