import type { components } from "#lib/api.d.ts";
import { readDownload, type DownloadState } from "#lib/download/state.ts";
import { orErrorPage, orNothing, read } from "#lib/gateway.ts";

import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = async ({ params, setHeaders }) => {
  setHeaders({ "cache-control": "no-store" });
  const path = `/api/downloads/${encodeURIComponent(params.id)}`;
  const state: DownloadState = readDownload(
    await orErrorPage(() => read<Record<string, unknown>>(path)),
  );
  const record = await orNothing(() =>
    read<components["schemas"]["RecordView"]>(`/api/records/${encodeURIComponent(state.pid)}`),
  );
  return {
    id: params.id,
    state,
    title: record?.title ?? state.pid,
    page: record?.page ?? null,
    thumbnail: record?.card?.thumbnail?.replace(/small$/, "large") ?? null,
  };
};
