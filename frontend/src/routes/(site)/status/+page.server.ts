import type { components } from "#lib/api.d.ts";
import { GatewayError, orNothing, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

type Schemas = components["schemas"];

export const load: PageServerLoad = async ({ setHeaders }) => {
  setHeaders({ "cache-control": "no-store" });
  try {
    const [status, staging] = await Promise.all([
      read<Schemas["ServiceStatus"]>("/api/service-status"),
      orNothing(() => read<Schemas["StagingList"]>("/api/staging")),
    ]);
    return { status, staging: staging?.datasets ?? [] };
  } catch (problem) {
    if (!(problem instanceof GatewayError)) throw problem;
    return { status: null, staging: [] };
  }
};
