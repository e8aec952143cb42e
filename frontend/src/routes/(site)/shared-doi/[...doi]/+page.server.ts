import { error } from "@sveltejs/kit";

import type { components } from "#lib/api.d.ts";
import { cardView } from "#lib/search/cards.ts";
import { orErrorPage, orNothing, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

type RecordView = components["schemas"]["RecordView"];

interface Resolution {
  doi: string;
  records: { level: string; pid: string; title: string }[];
}

export const load: PageServerLoad = async ({ params, locals }) => {
  const doi = params.doi.replace(/\/+$/, "");
  if (!doi.includes("/")) error(404, "This is no DOI.");
  const path = `/doi/${doi.split("/").map(encodeURIComponent).join("/")}`;
  const found = await orErrorPage(() => read<Resolution>(path));
  const views = await Promise.all(
    found.records.map(({ pid }) =>
      orNothing(() => read<RecordView>(`/api/records/${encodeURIComponent(pid)}`)),
    ),
  );
  const cards = views.flatMap((view) => (view?.card ? [cardView(view.card, locals.lengths)] : []));
  const others = found.records.filter((_, place) => !views[place]?.card);
  return { doi: found.doi, cards, others };
};
