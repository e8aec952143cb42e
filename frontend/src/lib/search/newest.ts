/** The newest datasets of a search, for pages that show some of many. */
import type { components } from "#lib/api.d.ts";
import { cardView, type Card } from "#lib/search/cards.ts";
import type { Lengths } from "#lib/formats.ts";
import { orNothing, read } from "#lib/gateway.ts";

const SHOWN = 4;

/** Returns them; none if the search does not answer: the page is of use without them. */
export async function newestOf(search: string, lengths: Lengths): Promise<Card[]> {
  const found = await orNothing(() =>
    read<components["schemas"]["SearchPage"]>(`/api/search?${search}&sort=-date&per_page=${SHOWN}`),
  );
  return (found?.rows ?? []).map((row) => cardView(row, lengths));
}
