import type { components } from "#lib/api.d.ts";
import { orErrorPage, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = async ({ params }) => ({
  person: await orErrorPage(() =>
    read<components["schemas"]["PersonRecord"]>(`/api/people/${encodeURIComponent(params.person)}`),
  ),
});
