import type { components } from "#lib/api.d.ts";
import { orErrorPage, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = async () => {
  const list = await orErrorPage(() => read<components["schemas"]["DonorList"]>("/api/donors"));
  return { donors: list.donors };
};
