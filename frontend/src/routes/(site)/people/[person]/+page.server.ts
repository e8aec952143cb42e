import type { components } from "#lib/api.d.ts";
import { orErrorPage, read } from "#lib/gateway.ts";
import { newestOf } from "#lib/search/newest.ts";

import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = async ({ params, locals }) => {
  const person = await orErrorPage(() =>
    read<components["schemas"]["PersonRecord"]>(`/api/people/${encodeURIComponent(params.person)}`),
  );
  return { person, newest: await newestOf(person.search, locals.lengths) };
};
