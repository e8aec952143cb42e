import type { components } from "#lib/api.d.ts";
import { orErrorPage, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = async ({ params, fetch }) => ({
  proposal: await orErrorPage(() =>
    read<components["schemas"]["ProposalView"]>(
      fetch,
      `/api/proposals/${encodeURIComponent(params.number)}`,
    ),
  ),
});
