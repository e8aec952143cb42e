import { redirect } from "@sveltejs/kit";

import type { components } from "#lib/api.d.ts";
import { cardView } from "#lib/search/cards.ts";
import { loadCitations } from "#lib/record/citations.ts";
import { orErrorPage, orNothing, read } from "#lib/gateway.ts";
import { formatLinks } from "#lib/record/dataset.ts";
import { recordMachine } from "#lib/machine/view.ts";

import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = async ({ params, locals, setHeaders }) => {
  const path = `/api/records/${encodeURIComponent(params.pid)}`;
  const record = await orErrorPage(() => read<components["schemas"]["RecordView"]>(path));
  if (record.level !== "document" || record.pid !== params.pid) redirect(308, record.page);
  setHeaders({ link: record.link_header });
  const jsonLd = await orNothing(() =>
    read<unknown>(`/api/records/${encodeURIComponent(record.pid)}/jsonld`),
  );
  return {
    record,
    formats: formatLinks(record),
    machine: recordMachine(record, jsonLd),
    cards: (record.datasets ?? []).map((card) => cardView(card, locals.lengths)),
    citations: await loadCitations(record.pid),
  };
};
