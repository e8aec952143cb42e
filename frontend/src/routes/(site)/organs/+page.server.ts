import type { components } from "#lib/api.d.ts";
import { orErrorPage, orNothing, read } from "#lib/gateway.ts";

import { loadPictures } from "#lib/volume/pictures.ts";

import type { PageServerLoad } from "./$types";

type Schemas = components["schemas"];

export const load: PageServerLoad = async () => {
  const [list, overviews] = await Promise.all([
    orErrorPage(() => read<Schemas["OrganList"]>("/api/organs")),
    orNothing(() => loadPictures()),
  ]);
  return {
    organs: list.organs.map((organ) => ({
      ...organ,
      picture: overviews?.get(organ.value)?.thumbnail ?? null,
    })),
  };
};
