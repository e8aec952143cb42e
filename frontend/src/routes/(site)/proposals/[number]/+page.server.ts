import type { components } from "#lib/api.d.ts";
import { orErrorPage, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = async ({ params }) => ({
  proposal: await orErrorPage(() =>
    read<components["schemas"]["ProposalView"]>(
      `/api/proposals/${encodeURIComponent(params.number)}`,
    ),
  ),
});
