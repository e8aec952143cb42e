import { redirect } from "@sveltejs/kit";

import type { components } from "#lib/api.d.ts";
import { cardView } from "#lib/search/cards.ts";
import { chipViews, facetViews } from "#lib/search/facets.ts";
import { GatewayError, orErrorPage, read } from "#lib/gateway.ts";
import type { Profile } from "#lib/profile.ts";
import { gatewayQuery, joinRanges, searchAddress } from "#lib/search/address.ts";

import type { PageServerLoad } from "./$types";

type SearchPage = components["schemas"]["SearchPage"];

export const load: PageServerLoad = async ({ url, locals, isDataRequest }) => {
  const joined = joinRanges(url.searchParams);
  if (joined) redirect(303, searchAddress(joined));
  const given = url.searchParams;
  const sorts = locals.profile.sorts;
  try {
    const found = await read<SearchPage>(`/api/search?${gatewayQuery(given)}`);
    const facets = facetViews(found.facets, locals.lengths);
    return {
      refused: null,
      q: given.get("q") ?? "",
      view: given.get("view") === "cards" ? ("cards" as const) : ("rows" as const),
      address: given.toString(),
      total: found.total,
      page: found.page,
      pages: found.pages,
      first: (found.page - 1) * found.per_page + 1,
      last: (found.page - 1) * found.per_page + found.rows.length,
      sort: found.sort,
      sorts,
      words: found.words,
      cards: found.rows.map((row) => cardView(row, locals.lengths)),
      facets,
      chips: chipViews(found.chips, facets),
      corrections: found.corrections,
      ignored: found.ignored_words,
      drop: found.drop,
      exports: found.exports,
    };
  } catch (problem) {
    if (!(problem instanceof GatewayError) || problem.status !== 400) {
      return orErrorPage(() => Promise.reject(problem));
    }
    // What was typed is refused: the page stays, with the reason beside the search box.
    if (!isDataRequest) locals.pageStatus = problem.status;
    return {
      refused: refusal(problem, locals.profile),
      q: given.get("q") ?? "",
      address: given.toString(),
    };
  }
};

/** Returns why a search is refused, with the label of the field instead of its parameter. */
function refusal({ message, problem }: GatewayError, profile: Profile): string {
  const field = profile.fields.find((one) => one.parameter && one.parameter === problem["field"]);
  const start = `${field?.parameter}: `;
  return field && message.startsWith(start)
    ? `${field.label}: ${message.slice(start.length)}`
    : message;
}
