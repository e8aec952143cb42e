import type { components } from "#lib/api.d.ts";
import { GatewayError, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = async ({ fetch, setHeaders }) => {
  setHeaders({ "cache-control": "no-store" });
  try {
    return {
      status: await read<components["schemas"]["ServiceStatus"]>(fetch, "/api/service-status"),
    };
  } catch (problem) {
    if (!(problem instanceof GatewayError)) throw problem;
    return { status: null };
  }
};
