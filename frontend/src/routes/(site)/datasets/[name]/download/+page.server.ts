import { redirect } from "@sveltejs/kit";

import type { components } from "#lib/api.d.ts";
import { crumbsBelow } from "#lib/record/dataset.ts";
import { commands, type DownloadPlan, planDownload, waitingTime } from "#lib/download/plan.ts";
import { listAddress } from "#lib/record/files.ts";
import { formatExtent } from "#lib/formats.ts";
import { orErrorPage, orNothing, read } from "#lib/gateway.ts";
import { levelViews } from "#lib/volume/levels.ts";
import { organSights } from "#lib/profile.ts";
import { readSelection } from "#lib/download/selection.ts";
import { volumeView } from "#lib/volume/volume.ts";

import type { PageServerLoad } from "./$types";

type Schemas = components["schemas"];

export const load: PageServerLoad = async ({ params, url, locals }) => {
  const path = `/api/records/${encodeURIComponent(params.name)}`;
  const record = await orErrorPage(() => read<Schemas["RecordView"]>(path), params.name);
  if (record.level !== "dataset" || record.name !== params.name) {
    redirect(308, `${record.page}/download${url.search}`);
  }
  const volume = await orNothing(() =>
    read<Schemas["Volume"]>(`/data/${encodeURIComponent(record.pid)}/volume`),
  );
  const view = volume ? volumeView(volume) : null;
  const levels = volume
    ? levelViews(
        volume,
        organSights(locals.profile, record.card?.organ ?? null),
        record.card?.voxel_um ?? null,
        locals.lengths,
      )
    : [];
  const extent = view
    ? { x: view.axes.x.um / 1000, y: view.axes.y.um / 1000, z: view.axes.z.um / 1000 }
    : null;
  const { selection, problems } = readSelection(url.searchParams, levels, extent);
  const plan: DownloadPlan = planDownload(selection, levels, volume, {
    pid: record.pid,
    bytes: record.files?.bytes ?? 0,
    files: record.files?.count ?? 0,
    isOnline: record.availability.state === "ONLINE",
  });
  const estimate = plan.isOnline ? null : await loadEstimate(record.pid, plan.location);
  return {
    pid: record.pid,
    title: record.title,
    page: record.page,
    crumbs: crumbsBelow(record, "Download"),
    thumbnail: record.card?.thumbnail ?? null,
    licence: record.licence ?? null,
    levels,
    extent,
    extentText: view
      ? formatExtent([view.axes.z.um, view.axes.y.um, view.axes.x.um], locals.lengths)
      : null,
    all: { bytes: record.files?.bytes ?? 0, count: record.files?.count ?? 0 },
    selection,
    problems,
    plan,
    waiting: estimate ? waitingTime(estimate) : null,
    commands: commands(plan, url.origin),
    fileList: record.files
      ? listAddress(record.files.page, new URLSearchParams({ folder: plan.location }))
      : null,
  };
};

/** Returns how long files on tape would take; null if the downloader does not say. */
function loadEstimate(pid: string, folder: string): Promise<Schemas["Estimate"] | null> {
  const query = new URLSearchParams(folder ? { folder } : {});
  return orNothing(() =>
    read<Schemas["Estimate"]>(`/data/${encodeURIComponent(pid)}/estimate?${query}`),
  );
}
