import type { components } from "#lib/api.d.ts";
import { orErrorPage, orNothing, read } from "#lib/gateway.ts";

import { loadPictures } from "#lib/pictures.ts";

import type { PageServerLoad } from "./$types";

type Schemas = components["schemas"];

export const load: PageServerLoad = async ({ fetch }) => {
  const [list, overviews] = await Promise.all([
    orErrorPage(() => read<Schemas["OrganList"]>(fetch, "/api/organs")),
    orNothing(() => loadPictures(fetch)),
  ]);
  return {
    organs: list.organs.map((organ) => ({
      ...organ,
      picture: overviews?.get(organ.value)?.thumbnail ?? null,
    })),
  };
};
